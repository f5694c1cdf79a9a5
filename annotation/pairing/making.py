"""Making comparisons: their rows and events, for prompts as they arrive and for every other way."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.db import connection

from annotation import canonical, log
from annotation.bulk import copy_rows, reserve_ids
from annotation.models import Comparison, Project
from annotation.pairing import informative
from annotation.pairing.fixed import STRATEGIES
from annotation.pairing.rules import Answered, Keys, OutputPair, Pick, Rule, Strategy, keys

# An event names its comparisons; all pairs of many long prompts would make it grow without bound.
COMPARISONS_PER_EVENT = 1_000

# The advisory lock of a project that comes after those of annotation.intake.outcomes.
PAIRING_TURN = 64

# What a rule takes of a prompt, of which some pairs are taken.
Picker = Callable[[Answered, Collection[Keys]], list[Pick]]


class NewComparison(NamedTuple):
    """One pair that somebody should judge, its candidates in the order of their primary keys."""

    prompt_id: int
    request_id: str
    outputs: OutputPair
    uid: uuid.UUID
    propensity: float = 1.0


@dataclass(frozen=True)
class Terms:
    """What is the same for all comparisons that are made together.

    `strategy` is empty when somebody named the pair; without an overlap it is the project's.
    """

    actor: str
    strategy: str = ""
    priority: int = 0
    overlap: int | None = None


def pair_up(project: Project, prompts: Sequence[Answered], *, rule: Rule, actor: str) -> list[NewComparison]:
    """Make the comparisons of prompts that have none yet. A prompt with one output gets none.

    Runs in the caller's transaction.
    """
    if not prompts:
        return []
    pick = picker(project, rule)
    made = compare([(prompt, one) for prompt in prompts for one in pick(prompt, ())])
    create(project, made, Terms(actor, rule.strategy.value))
    return made


def picker(project: Project, rule: Rule) -> Picker:
    """How a rule chooses now."""
    if rule.strategy == Strategy.INFORMATIVE:
        state = informative.current_state(project)
        return lambda prompt, taken: informative.pick(rule, state, prompt, taken)
    choose = STRATEGIES[rule.strategy]
    return lambda prompt, taken: [one for one in choose(rule, prompt) if not taken or keys(one.pair) not in taken]


def take_turn(project: Project) -> None:
    """Wait until nobody else makes comparisons of the project's earlier prompts, and keep others waiting.

    Until the end of the transaction; its overlap is read again and holds as long. New prompts need no turn: nobody
    else sees them yet.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s::int, %s)", [project.pk, PAIRING_TURN])
        cursor.execute("SELECT FROM annotation_project WHERE id = %s FOR SHARE", [project.pk])
    project.refresh_from_db(fields=["overlap", "overlap_sample_share", "overlap_sample"])


def compare(picks: Sequence[tuple[Answered, Pick]]) -> list[NewComparison]:
    """The comparisons of some pairs."""
    return [
        # The id by chance alone: annotators see it, and a time in it would tell repeats.
        NewComparison(prompt.prompt_id, prompt.request_id, _in_order(pick.pair), uuid.uuid4(), pick.propensity)
        for prompt, pick in picks
    ]


def create(project: Project, comparisons: Sequence[NewComparison], terms: Terms) -> None:
    """Write comparisons and their events; IntegrityError when a pair has one already. In the caller's transaction."""
    if not comparisons:
        return
    ids = reserve_ids(Comparison, len(comparisons))
    project_id, project_uid = project.pk, str(project.uid)
    shuffles = [_shuffle(project_uid, new.outputs) for new in comparisons]
    copy_rows(
        Comparison,
        ["id", "uid", "project", "prompt", "a", "b", "overlap", "priority", "shuffle", "propensity", "taken",
         "judged", "lefts", "own_overlap"],
        (
            (pk, new.uid, project_id, new.prompt_id, new.outputs[0].pk, new.outputs[1].pk,
             terms.overlap or project.overlap_of(shuffle), terms.priority, shuffle, new.propensity, 0, 0, 0,
             terms.overlap is not None)
            for pk, new, shuffle in zip(ids, comparisons, shuffles, strict=True)
        ),
    )  # fmt: skip
    starts = range(0, len(comparisons), COMPARISONS_PER_EVENT)
    chunks = [comparisons[start : start + COMPARISONS_PER_EVENT] for start in starts]
    log.append(project, [_event(project, chunk, terms) for chunk in chunks])


def _event(project: Project, comparisons: Sequence[NewComparison], terms: Terms) -> log.NewEvent:
    payload = {
        "comparisons": [_describe(new) for new in comparisons],
        **({"strategy": terms.strategy} if terms.strategy else {}),
    }
    return log.NewEvent("comparisons.created", terms.actor, f"project:{project.uid}", payload)


def _describe(new: NewComparison) -> dict[str, object]:
    described: dict[str, object] = {"id": str(new.uid), "outputs": [output.output_id for output in new.outputs]}
    return {**described, "propensity": new.propensity} if new.propensity < 1 else described


def _shuffle(project_uid: str, outputs: OutputPair) -> int:
    """31 stable bits: the place in the random order."""
    return canonical.stable_hash("shuffle", project_uid, *(output.output_id for output in outputs)) >> 33


def _in_order(pair: OutputPair) -> OutputPair:
    first, second = pair
    return pair if first.pk < second.pk else (second, first)
