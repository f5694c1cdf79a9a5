"""Prove that nothing in the log, nor in the facts it tells of, was changed."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotation import log
from annotation.models import Project
from annotation.verification import BrokenLogError, verify


class Command(BaseCommand):
    help = (
        "Seals the log, then computes the chain, every digest and every commitment again and checks that every fact "
        "has its event. Exit 0 and “ok: N events, head HASH@POSITION”, or exit 1 naming the first position that does "
        "not hold. Without --project: every chain."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--project", metavar="SLUG", help="only this project's chain")
        parser.add_argument(
            "--expect", metavar="HASH@POSITION", help="a head noted earlier; finds a cut-off tail (needs --project)"
        )

    def handle(self, *, project: str | None, expect: str | None, **options: Any) -> None:
        if expect and not project:
            raise CommandError("--expect names a position in one chain: say which with --project.")
        chains: list[Project | None] = [self._find(project)] if project else [None, *Project.objects.order_by("slug")]
        for chain in chains:
            try:
                head = verify(chain, expect=_parse_head(expect) if expect else None)
            except BrokenLogError as error:
                raise CommandError(f"{chain.slug if chain else 'instance'}: {error}") from None
            prefix = "" if project else f"{chain.slug if chain else 'instance'}: "
            self.stdout.write(f"{prefix}ok: {head.position} events, head {head.hash}@{head.position}")

    def _find(self, slug: str) -> Project:
        project = Project.objects.filter(slug=slug).first()
        if project is None:
            raise CommandError(f"There is no project “{slug}”.")
        return project


def _parse_head(text: str) -> log.Head:
    hash_, _, position = text.partition("@")
    if not position.isdigit():
        raise CommandError("--expect wants HASH@POSITION, as verify_log prints it.")
    return log.Head(int(position), hash_)
