"""Prove that nothing in the log, nor in the facts it tells of, was changed."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotation import log
from annotation.erased import Erased, list_erasures
from annotation.models import Project
from annotation.verification import BrokenLogError, verify

ERASURES_TOLD = 20


class Command(BaseCommand):
    help = (
        "Seals the log, then computes the chain, every digest and every commitment again and checks that every fact "
        "has its event. Exit 0 and “ok: N events, head HASH@POSITION”, or exit 1 naming the first position that does "
        "not hold. Without --project: every chain. What was erased is told below, with the positions of the events "
        "that name the records."
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
            for line in _describe_erasures(chain) if chain else ():
                self.stdout.write(f"{prefix}{line}")

    def _find(self, slug: str) -> Project:
        project = Project.objects.filter(slug=slug).first()
        if project is None:
            raise CommandError(f"There is no project “{slug}”.")
        return project


def _describe_erasures(project: Project) -> Iterator[str]:
    """What of a project was erased: all together, and event by event as far as a screen goes."""
    erasures = list_erasures(project.pk)
    if erasures:
        yield f"erased: {sum((one.erased for one in erasures), Erased())}"
    for one in erasures[:ERASURES_TOLD]:
        yield f"  position {one.position}: {one.erased}"
    if len(erasures) > ERASURES_TOLD:
        yield f"  and by {len(erasures) - ERASURES_TOLD:,} more, up to position {erasures[-1].position}"


def _parse_head(text: str) -> log.Head:
    hash_, _, position = text.partition("@")
    if not position.isdigit():
        raise CommandError("--expect wants HASH@POSITION, as verify_log prints it.")
    return log.Head(int(position), hash_)
