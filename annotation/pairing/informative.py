"""The strategy that asks about the pairs that teach most about the ratings of models.

It goes by the counts of annotation.pairing.tally, as of the position up to which those were carried on: with the same
counts the same request always gets the same pairs. The mathematics is in annotation.analysis.informative.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from annotation import canonical
from annotation.analysis import bradley_terry
from annotation.analysis import informative as analysis
from annotation.analysis.battles import Model
from annotation.analysis.bradley_terry import Array
from annotation.models import Project
from annotation.pairing.rules import Answered, Keys, OutputPair, Pick, Rule, keys, pairs

# Models of which more is known than of all others; the rest are as strangers. What is below takes their number cubed.
MOST_MODELS = 300
MOST_PAIRS = 50_000
# What waits to be judged counts for no more than what was judged, or than this: it may wait for long.
LEAST_PLANNED = 1_000
KEPT = 16  # states that a process keeps

ModelPair = tuple[Model, Model]

STATE = """
SELECT t.position, p.a_name, p.a_version, p.b_name, p.b_version,
    p.a_wins, p.b_wins, p.ties + p.both_bad, p.asked, p.answered
FROM annotation_tally t LEFT JOIN LATERAL (
    SELECT * FROM annotation_modelpair p WHERE p.project_id = t.project_id
    ORDER BY p.a_wins + p.b_wins + p.ties + p.both_bad + p.asked DESC, p.key LIMIT %s
) p ON true
WHERE t.project_id = %s
"""


@dataclass(frozen=True)
class State:
    """What is known of a project's models at a position of its log, and what one more judgment would teach.

    The last two places of the arrays are models of which nothing is known.
    """

    position: int
    places: dict[Model, int]
    strengths: Array
    counts: Array
    gains: Array = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "gains", analysis.gains(self.strengths, self.counts))

    def place(self, of: Sequence[ModelPair]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Where the models of some pairs stand in the arrays, first and second."""
        stranger = len(self.places)
        first = [self.places.get(one, stranger) for one, _ in of]
        second = [self.places.get(two, stranger + 1) for _, two in of]
        return np.array(first, dtype=np.intp), np.array(second, dtype=np.intp)


def current_state(project: Project) -> State:
    """What is known of a project's models, read again when it was counted on since."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT position FROM annotation_tally WHERE project_id = %s", [project.pk])
        position = (cursor.fetchone() or (0,))[0]
    name = (project.pk, position, project.overlap)
    with _lock:
        if name in _kept:
            _kept.move_to_end(name)
            return _kept[name]
    state = read_state(project)
    with _lock:
        _kept[project.pk, state.position, project.overlap] = state
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return state


_kept: OrderedDict[tuple[int, int, int], State] = OrderedDict()
_lock = threading.Lock()


def read_state(project: Project) -> State:
    """What is known of a project's models."""
    with connection.cursor() as cursor:
        cursor.execute(STATE, [MOST_PAIRS, project.pk])
        rows = cursor.fetchall()
    position = rows[0][0] if rows else 0
    known = [(Model(*row[1:3]), Model(*row[3:5]), row[5:]) for row in rows if row[1] is not None]
    places: dict[Model, int] = {}
    for one, two, _ in known:
        for model in (one, two):
            if len(places) < MOST_MODELS:
                places.setdefault(model, len(places))
    wins = np.zeros((len(places) + 2, len(places) + 2))
    waiting = np.zeros_like(wins)
    for one, two, (a_wins, b_wins, even, asked, answered) in known:
        if one in places and two in places:
            a, b = places[one], places[two]
            # Both bad says as little of who is better as a tie does.
            wins[a, b], wins[b, a] = a_wins + even / 2, b_wins + even / 2
            waiting[a, b] = waiting[b, a] = max(0, asked * project.overlap - answered)
    judged, planned = wins.sum(), waiting.sum() / 2
    weight = min(1.0, max(judged, LEAST_PLANNED) / planned) if planned else 0.0
    return State(position, places, bradley_terry.fit(wins), wins + wins.T + weight * waiting)


def pick(rule: Rule, state: State, prompt: Answered, taken: Collection[Keys]) -> list[Pick]:
    """`n` pairs of a prompt, less those that are taken; only of outputs whose models differ and are named.

    Each has its own chance to be drawn, by how much it would teach.
    """
    asked, options, models = options_of(prompt, taken)
    if not options:
        return []
    wanted = min(rule.n - asked, len(options))
    if wanted <= 0:
        return []
    share = analysis.shares(state.gains[state.place(models)])
    inclusion = analysis.inclusions(share, np.ones(len(options)), wanted)
    start = canonical.stable_uniform("informative", rule.seed, prompt.request_id)
    drawn, _ = analysis.draw(inclusion, start)
    return [
        Pick(pair, told(float(chance)))
        for pair, chance, is_drawn in zip(options, inclusion, drawn, strict=True)
        if is_drawn
    ]


def options_of(prompt: Answered, taken: Collection[Keys]) -> tuple[int, list[OutputPair], list[ModelPair]]:
    """How many of the pairs that say something of ratings are taken; the others, and their models."""
    asked, options, models = 0, [], []
    for pair, of in pairs([answer for answer in prompt.by_id() if answer[1].name]):
        if of[0] == of[1]:
            continue
        if keys(pair) in taken:
            asked += 1
            continue
        options.append(pair)
        models.append(of)
    return asked, options, models


def told(chance: float) -> float:
    """A chance as it is stored and told: six digits, and never 0."""
    return min(1.0, float(f"{chance:.6g}"))
