"""Making comparisons of prompts that are there already, batch by batch, each in a transaction of its own.

A pair that has a comparison is left alone, so doing the same again makes nothing twice and goes on where it ended.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from django.db import connection, transaction

from annotation import canonical
from annotation.analysis import informative as analysis
from annotation.analysis.battles import Model
from annotation.judging import Output
from annotation.models import Project
from annotation.pairing import tally
from annotation.pairing.informative import ModelPair, State, current_state, options_of, told
from annotation.pairing.making import NewComparison, Picker, Terms, compare, create, picker, take_turn
from annotation.pairing.rules import Answered, Keys, Pick, Rule, Strategy

PROMPTS_AT_ONCE = 500
# What a call that should be short looks at.
PROMPTS_OF_A_CALL = 10_000
PAIRS_OF_A_CALL = 20_000
OLDEST, NEWEST = 0, 2**63 - 1

PROMPTS = """
SELECT p.id, p.request_id, c.id, c.output_id, c.model_name, c.model_version
FROM (
    SELECT id, request_id FROM annotation_prompt
    WHERE project_id = %(project)s AND id > %(above)s AND id < %(below)s AND erasure_id IS NULL
    ORDER BY id {direction} LIMIT %(limit)s
) p JOIN annotation_candidate c ON c.prompt_id = p.id AND c.index IS NOT NULL
ORDER BY p.id {direction}, c.index
"""
TAKEN = "SELECT prompt_id, a_id, b_id FROM annotation_comparison WHERE prompt_id = ANY (%s)"


class Seen(NamedTuple):
    """A prompt and the pairs of it that have a comparison."""

    prompt: Answered
    taken: frozenset[Keys]


@dataclass(frozen=True)
class Step:
    """A batch is through: how many prompts were looked at, what was made, and where to go on.

    `after` is the primary key of a prompt, None when none is left to be looked at.
    """

    prompts: int
    made: Sequence[NewComparison]
    after: int | None


@dataclass(frozen=True)
class Made:
    """What a call made, and where the next one goes on; None when nothing is left to be looked at."""

    comparisons: Sequence[NewComparison]
    after: int | None


def make_some(project: Project, rule: Rule, terms: Terms, *, limit: int, after: int | None, across: bool) -> Made:
    """Follow a rule as long as a call may take; `across` prompts, or one by one."""
    if across:
        steps = open_next(project, rule, terms, limit=limit, after=after, most=PAIRS_OF_A_CALL)
    else:
        steps = make(project, rule, terms, limit=limit, after=after, most=PROMPTS_OF_A_CALL)
    made: list[NewComparison] = []
    for step in steps:
        made += step.made
        after = step.after
    return Made(made, after)


def make(
    project: Project,
    rule: Rule,
    terms: Terms,
    *,
    limit: int | None = None,
    after: int | None = None,
    most: int | None = None,
) -> Iterator[Step]:
    """Follow a rule prompt by prompt, from the oldest or from the one behind `after`, up to `limit` comparisons.

    About `most` prompts are looked at.
    """
    if rule.strategy == Strategy.INFORMATIVE:
        tally.catch_up(project)
    pick = picker(project, rule)
    reached, left, looked_at = after or OLDEST, limit, 0
    while True:
        with transaction.atomic():
            take_turn(project)
            batch = _read(project, above=reached)
            picks, done = _fill(pick, batch, left)
            made = compare(picks)
            create(project, made, terms)
        if done:
            reached = batch[done - 1].prompt.prompt_id
        if left is not None:
            left -= len(made)
        looked_at += done
        ended = done == len(batch) < PROMPTS_AT_ONCE
        yield Step(done, made, None if ended else reached)
        if ended or left == 0 or (most is not None and looked_at >= most):
            return


def _fill(pick: Picker, batch: Sequence[Seen], most: int | None) -> tuple[list[tuple[Answered, Pick]], int]:
    """What a rule takes of a batch, `most` at most, and how many prompts are done with by that."""
    picks: list[tuple[Answered, Pick]] = []
    for number, (prompt, taken) in enumerate(batch):
        picks += [(prompt, one) for one in pick(prompt, taken)]
        if most is not None and len(picks) > most:
            return picks[:most], number
    return picks, len(batch)


def open_next(
    project: Project, rule: Rule, terms: Terms, *, limit: int, after: int | None = None, most: int | None = None
) -> Iterator[Step]:
    """Open the `limit` pairs of outputs, of whichever prompts, that teach most about the ratings of models.

    Looks at the prompts twice, the newest (or the one before `after`) first: to count which models there are to be
    compared, and to draw. Each two models get their share of the draws, and each pair of their outputs the same chance.
    `most` prompts and pairs, taken together, are looked at.
    """
    tally.catch_up(project)
    state = current_state(project)
    reached = after or NEWEST
    open_pairs, last = _survey(project, reached, most)
    chances = _chances(state, open_pairs, limit)
    offset, left = canonical.stable_uniform("open", rule.seed, state.position), limit
    while True:
        with transaction.atomic():
            take_turn(project)
            batch = _read(project, above=last - 1, below=reached, newest_first=True)
            picks, offset = _draw(batch, chances, offset)
            made = compare(picks[:left])
            create(project, made, terms)
        left -= len(made)
        yield Step(len(batch), made, last or None)
        if len(batch) < PROMPTS_AT_ONCE or not left:
            return
        reached = batch[-1].prompt.prompt_id


def _survey(project: Project, below: int, most: int | None) -> tuple[Counter[ModelPair], int]:
    """How many pairs without a comparison there are of each two models, and the last prompt looked at, 0 for all."""
    found: Counter[ModelPair] = Counter()
    looked_at = 0
    while batch := _read(project, below=below, newest_first=True):
        for prompt, taken in batch:
            _, _, models = options_of(prompt, taken)
            found.update(_in_order(pair) for pair in models)
            looked_at += 1 + len(models)
            if most is not None and looked_at >= most:
                return found, prompt.prompt_id
        below = batch[-1].prompt.prompt_id
    return found, 0


def _chances(state: State, open_pairs: Mapping[ModelPair, int], wanted: int) -> dict[ModelPair, float]:
    """The chance with which each open pair of two models' outputs is drawn."""
    if not open_pairs:
        return {}
    kinds = sorted(open_pairs)
    sizes = np.array([open_pairs[kind] for kind in kinds], dtype=float)
    share = analysis.plan(state.strengths, state.counts, *state.place(kinds), wanted)
    return dict(zip(kinds, analysis.inclusions(share, sizes, wanted).tolist(), strict=True))


def _draw(
    batch: Sequence[Seen], chances: Mapping[ModelPair, float], offset: float
) -> tuple[list[tuple[Answered, Pick]], float]:
    """What is drawn of a batch, and where drawing goes on in the next."""
    picks: list[tuple[Answered, Pick]] = []
    for prompt, taken in batch:
        _, options, models = options_of(prompt, taken)
        inclusion = np.array([chances.get(_in_order(pair), 0.0) for pair in models])
        drawn, offset = analysis.draw(inclusion, offset)
        picks += [(prompt, Pick(options[n], told(float(inclusion[n])))) for n in np.flatnonzero(drawn)]
    return picks, offset


def _in_order(pair: ModelPair) -> ModelPair:
    one, two = pair
    return pair if one < two else (two, one)


def _read(project: Project, *, above: int = OLDEST, below: int = NEWEST, newest_first: bool = False) -> list[Seen]:
    """The next prompts between two primary keys, with the outputs that were logged for them."""
    direction = "DESC" if newest_first else "ASC"
    bounds = {"project": project.pk, "above": above, "below": below, "limit": PROMPTS_AT_ONCE}
    with connection.cursor() as cursor:
        cursor.execute(PROMPTS.format(direction=direction), bounds)
        rows = cursor.fetchall()
        cursor.execute(TAKEN, [list({row[0] for row in rows})])
        taken: dict[int, list[Keys]] = {}
        for prompt_id, a, b in cursor.fetchall():
            taken.setdefault(prompt_id, []).append((a, b))
    seen = []
    for (prompt_id, request_id), group in itertools.groupby(rows, key=itemgetter(0, 1)):
        outputs, models = zip(*((Output(*row[2:4]), Model(*row[4:6])) for row in group), strict=True)
        seen.append(Seen(Answered(prompt_id, request_id, outputs, models), frozenset(taken.get(prompt_id, ()))))
    return seen
