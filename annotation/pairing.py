"""Pairing: which pairs of a prompt's outputs to ask about. The only maker of comparisons."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Sequence
from typing import NamedTuple

from annotation import canonical, log
from annotation.bulk import copy_rows, new_uids, reserve_ids
from annotation.judging import Output
from annotation.models import Comparison, Project

# An event names its comparisons; all pairs of many long prompts would make it grow without bound.
COMPARISONS_PER_EVENT = 1_000

OutputPair = tuple[Output, Output]


class Answered(NamedTuple):
    """A prompt with its outputs, of which pairs are to be made."""

    prompt_id: int
    request_id: str
    outputs: Sequence[Output]


class NewComparison(NamedTuple):
    """One pair that somebody should judge, its candidates in the order of their primary keys."""

    prompt_id: int
    request_id: str
    outputs: OutputPair
    uid: uuid.UUID


def pair_up(project: Project, prompts: Sequence[Answered], *, rule: str, actor: str) -> list[NewComparison]:
    """Make the comparisons of prompts that have none yet, by a rule of Project.Pairing.

    A prompt with one output gets none. Runs in the caller's transaction.
    """
    pick = RULES[Project.Pairing(rule)]
    pairs = [(prompt, _in_order(pair)) for prompt in prompts for pair in pick(project, prompt)]
    comparisons = [
        NewComparison(prompt.prompt_id, prompt.request_id, pair, uid)
        for (prompt, pair), uid in zip(pairs, new_uids(len(pairs)), strict=True)
    ]
    create(project, comparisons, actor=actor)
    return comparisons


def create(project: Project, comparisons: Sequence[NewComparison], *, actor: str) -> None:
    """Write comparisons and their events; IntegrityError when a pair has one already. In the caller's transaction."""
    if not comparisons:
        return
    ids = reserve_ids(Comparison, len(comparisons))
    project_id, overlap, project_uid = project.pk, project.overlap, str(project.uid)
    copy_rows(
        Comparison,
        ["id", "uid", "project", "prompt", "a", "b", "overlap", "priority", "shuffle", "taken", "judged", "lefts"],
        (
            (pk, new.uid, project_id, new.prompt_id, new.outputs[0].pk, new.outputs[1].pk, overlap, 0,
             _shuffle(project_uid, new.outputs), 0, 0, 0)
            for pk, new in zip(ids, comparisons, strict=True)
        ),
    )  # fmt: skip
    starts = range(0, len(comparisons), COMPARISONS_PER_EVENT)
    chunks = [comparisons[start : start + COMPARISONS_PER_EVENT] for start in starts]
    log.append(project, [_event(project, chunk, actor) for chunk in chunks])


def _event(project: Project, comparisons: Sequence[NewComparison], actor: str) -> log.NewEvent:
    named = [{"id": str(new.uid), "outputs": [output.output_id for output in new.outputs]} for new in comparisons]
    return log.NewEvent("comparisons.created", actor, f"project:{project.uid}", {"comparisons": named})


def _shuffle(project_uid: str, outputs: OutputPair) -> int:
    """31 stable bits: the place in the random order."""
    return canonical.stable_hash("shuffle", project_uid, *(output.output_id for output in outputs)) >> 33


def _in_order(pair: OutputPair) -> OutputPair:
    first, second = pair
    return pair if first.pk < second.pk else (second, first)


def _all_pairs(_: Project, prompt: Answered) -> list[OutputPair]:
    return list(itertools.combinations(prompt.outputs, 2))


def _random_pair(project: Project, prompt: Answered) -> list[OutputPair]:
    if len(prompt.outputs) <= 2:
        return list(itertools.combinations(prompt.outputs, 2))
    # Sorted, so that the pair does not depend on the order in which the outputs were logged.
    pairs = list(itertools.combinations(sorted(prompt.outputs, key=lambda output: output.output_id), 2))
    return [canonical.stable_choice(pairs, "pair", str(project.uid), prompt.request_id)]


def _no_pair(_: Project, __: Answered) -> list[OutputPair]:
    return []


RULES: dict[Project.Pairing, Callable[[Project, Answered], list[OutputPair]]] = {
    Project.Pairing.ALL_PAIRS: _all_pairs,
    Project.Pairing.RANDOM: _random_pair,
    Project.Pairing.NONE: _no_pair,
}
