"""Show, make and change a project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation import projects
from annotation.models import Project

ACTOR = "command:project"


class Command(BaseCommand):
    help = (
        "Show a project's settings; with --create make it first, with --set change it. "
        f"Settings: {', '.join(projects.SETTINGS)}. members are user names with commas between; "
        "empty means every signed-in annotator. pairing_models are models, or models with versions, with commas "
        "between. guidelines are Markdown; guidelines=@FILE reads them from a file."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", metavar="SLUG", help="the project's name in addresses")
        parser.add_argument("--create", action="store_true", help="make the project if there is none of that name")
        parser.add_argument(
            "--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting; may be repeated"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        slug = options["slug"]
        settings = dict(_read_setting(text) for text in options["set"])
        project = Project.objects.filter(slug=slug).first()
        try:
            if project is None and not options["create"]:
                raise CommandError(f"there is no project “{slug}”; --create makes it")
            if project is None:
                project = projects.create_project(slug, settings=settings, actor=ACTOR)
            elif settings:
                projects.change_project(project, settings, actor=ACTOR)
        except projects.SettingError as error:
            raise CommandError(str(error)) from None
        for name, value in projects.read_settings(project).items():
            self.stdout.write(f"{name}:{_shown(value)}")


def _read_setting(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise CommandError(f"--set {text}: must be KEY=VALUE")
    if name == "guidelines" and value.startswith("@"):
        try:
            value = Path(value[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
            raise CommandError(f"{value[1:]}: {reason}") from None
    return name, value


def _shown(value: object) -> str:
    """A setting behind its name, or below it when it has several lines; nothing for an empty one."""
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    if "\n" in text:
        return "".join(f"\n    {line}".rstrip(" ") for line in text.splitlines())
    return f" {text}" if text else ""
