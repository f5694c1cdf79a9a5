"""Let a model judge a project's comparisons as an annotator, by a chat API."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from annotation import claiming
from annotation.canonical import Json
from annotation.critic import runs
from annotation.critic.asking import PrinciplesError, read_principles
from annotation.critic.work import work
from annotation.models import CriticRun, Project

ACTOR = "command:run_critic"
LOOK_SECONDS = 0.5
# Where no terminal shows the bar, a line says so often how far it is.
TOLD_SECONDS = 10.0
# The bar counts so far ahead.
COUNTED_AHEAD = 100_000


class Command(BaseCommand):
    help = (
        "Orders a model, by any API that speaks OpenAI's chat completions, to judge what the queue of a project gives "
        "it as annotator api:NAME. Each comparison is asked about in both orders; where these disagree it is a "
        "tie. A Celery worker of the queue “critics” does it, and this command shows how far it is; Ctrl-C leaves it "
        "at work, and the admin stops it. The texts of prompts and outputs are sent to the endpoint."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument(
            "--endpoint", required=True, metavar="URL", help="base URL, such as http://localhost:8001/v1"
        )
        parser.add_argument("--model", required=True, metavar="M", help="the model's name there")
        parser.add_argument("--principles", metavar="FILE", type=Path, help="one a line; default: the guidelines")
        parser.add_argument("--name", metavar="NAME", default="", help="the annotator's; default: that of the model")
        parser.add_argument("--key-from", metavar="VARIABLE", dest="key_variable", default="",
                            help="the environment variable that holds the API key, where the work is done; it is "
                            "never stored")  # fmt: skip
        parser.add_argument("--parameter", metavar="KEY=JSON", action="append", default=[],
                            help="of each request, such as temperature=0.2; null leaves a default out (temperature=0, "
                            "max_tokens=1000); may be repeated")  # fmt: skip
        parser.add_argument("--limit", metavar="N", dest="most", type=int, help="comparisons to take at most")
        parser.add_argument("--parallel", metavar="N", type=int, default=4, help="comparisons at once; default: 4")
        parser.add_argument("--per-minute", metavar="N", type=int, default=0, help="requests a minute at most")
        parser.add_argument("--price-in", metavar="P", type=_price, default=Decimal(0), help="of a million tokens read")
        parser.add_argument("--price-out", metavar="P", type=_price, default=Decimal(0), help="of a million written")
        where = parser.add_mutually_exclusive_group()
        where.add_argument("--detach", action="store_true", help="print the run's id and end")
        where.add_argument("--here", action="store_true", help="do the work in this process, worker or not")

    def handle(self, *, project: str, detach: bool, here: bool, **options: Any) -> None:
        found = Project.objects.filter(slug=project).first()
        if found is None:
            raise CommandError(f"there is no project “{project}”")
        try:
            run = runs.request(found, _order(options), actor=ACTOR, enqueue=not here)
        except runs.OrderError as error:
            raise CommandError(str(error)) from None
        if detach:
            self.stdout.write(str(run.uid))
            return
        try:
            self._follow(run, here=here)
        except KeyboardInterrupt:
            if here:
                runs.stop(run, actor=ACTOR)
                runs.release_if_ended(run)
            else:
                self.stderr.write(f"{run.name} works on; the admin shows and stops it")
        self._report(run)

    def _follow(self, run: CriticRun, *, here: bool) -> None:
        _, ahead, _ = claiming.look_ahead(runs.annotator_of(run), at_most=COUNTED_AHEAD)
        total = ahead if run.most is None else min(ahead, run.most)
        told = f"at least {total:,}" if total == COUNTED_AHEAD != run.most else f"{total:,}"
        where = "here" if here else "by a worker of the queue “critics”"
        self.stdout.write(f"{run.name} is ordered to judge {told} comparisons, {where}")
        self.stdout.flush()
        with tqdm(total=total, unit=" comparisons", file=sys.stderr, disable=None) as bar:
            told_at = time.monotonic()

            def show() -> None:
                nonlocal told_at
                run.refresh_from_db()
                bar.update(run.taken - bar.n)
                if bar.disable and time.monotonic() >= told_at + TOLD_SECONDS:
                    told_at = time.monotonic()
                    self.stdout.write(f"{run.state}: {run.taken:,} of {told} comparisons")
                    self.stdout.flush()

            if here:
                work(run.pk, turn=None, tell=show)
            while run.state in CriticRun.UNFINISHED and not here:
                time.sleep(LOOK_SECONDS)
                show()

    def _report(self, run: CriticRun) -> None:
        run.refresh_from_db()
        self.stdout.write(
            f"{run.state}: judged {run.judged} ({run.disagreed} ties since the orders disagreed), skipped "
            f"{run.skipped}, too late {run.lost}; {run.requests} requests, {run.retries} of them again; "
            f"{run.tokens_in} tokens read, {run.tokens_out} written"
            + (f"; cost {run.cost:.4f}" if run.price_in or run.price_out else "")
        )
        if run.state == CriticRun.State.FAILED:
            raise CommandError(run.error)


def _order(options: dict[str, Any]) -> runs.Order:
    chosen = {name: options[name] for name in runs.Order.__dataclass_fields__ if name in options}
    chosen["principles"] = _principles(options["principles"]) if options["principles"] else ()
    chosen["parameters"] = _parameters(options["parameter"])
    return runs.Order(**chosen)


def _principles(file: Path) -> list[str]:
    try:
        return read_principles(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise CommandError(f"{file}: {reason}") from None
    except PrinciplesError as error:
        raise CommandError(f"{file}: {error}") from None


def _parameters(given: list[str]) -> dict[str, Json]:
    parameters = dict(runs.PARAMETERS)
    for text in given:
        name, sign, value = text.partition("=")
        try:
            parameters[name] = orjson.loads(value)
        except ValueError:
            sign = ""
        if not sign:
            raise CommandError(f"--parameter {text}: must be KEY=JSON")
    return {name: value for name, value in parameters.items() if value is not None}


def _price(text: str) -> Decimal:
    try:
        price = Decimal(text)
    except InvalidOperation:
        raise ValueError from None  # argparse says the rest
    if not price.is_finite():
        raise ValueError
    return price
