"""Make comparisons of the prompts that a project has already."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from annotation import pairing, projects
from annotation.models import Project, Prompt
from annotation.pairing import walking

ACTOR = "command:make_comparisons"
STRATEGIES = [strategy.value for strategy in Project.Pairing if strategy != Project.Pairing.NONE]


class Command(BaseCommand):
    help = (
        "Makes comparisons of all prompts of a project by a pairing strategy. A pair that has a comparison is left "
        "alone, so the same again makes nothing twice, and what was interrupted is completed. informative with --limit "
        "and without --n opens the pairs that teach most about the ratings of models, of whichever prompts."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--strategy", choices=STRATEGIES, help="the project's own pairing when left out")
        parser.add_argument("--n", type=int, metavar="N", help="pairs of each prompt, for random and informative")
        parser.add_argument("--models", metavar="NAME,…", help="for model_pairs: models, or models and versions")
        parser.add_argument("--seed", type=int, metavar="N", help="another draw than the project's own")
        parser.add_argument("--limit", type=int, metavar="N", help="comparisons to make at most")
        parser.add_argument("--priority", type=int, default=0, metavar="N", help="higher comes first in the queue")
        parser.add_argument("--overlap", type=int, metavar="N", help="judgments wanted, if not the project's overlap")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"there is no project “{options['project']}”")
        for name, (least, most) in pairing.LIMITS.items():
            if options[name] is not None and not least <= options[name] <= most:
                raise CommandError(f"--{name} must be from {least:,} to {most:,}")
        made = 0
        with tqdm(
            total=Prompt.objects.filter(project=project).count(), unit=" prompts", file=sys.stderr, disable=None
        ) as bar:
            for step in _make(project, options):
                bar.update(step.prompts)
                made += len(step.made)
        self.stdout.write(f"made {made} comparisons")


def _make(project: Project, options: dict[str, Any]) -> Iterator[walking.Step]:
    strategy, models = options["strategy"], options["models"]
    try:
        rule = pairing.Rule.of(
            project, strategy, n=options["n"], models=models and projects.listed(models), seed=options["seed"]
        )
    except pairing.RuleError as error:
        raise CommandError(f"--{error}") from None
    terms = pairing.Terms(ACTOR, rule.strategy.value, options["priority"], options["overlap"])
    if rule.strategy == Project.Pairing.INFORMATIVE and options["limit"] and options["n"] is None:
        return walking.open_next(project, rule, terms, limit=options["limit"])
    return walking.make(project, rule, terms, limit=options["limit"])
