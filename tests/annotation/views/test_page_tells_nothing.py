"""Nothing in the HTML but the texts depends on whether a comparison is plain, a gold or a repeat, nor on the sides."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html.parser import HTMLParser

import numpy as np
import pytest
from django.test import Client

from annotation import mixing, progress
from annotation.models import Assignment
from tests import world
from tests.annotation.views.page import SCRIPT, Shown, answer, comparisons_in, sign_in, url

pytestmark = pytest.mark.django_db

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
CARD = re.compile(r"<article.*?</article>", re.S)
PROSE = re.compile(r'(<div class="(?:prompt-text )?prose"[^>]*>).*?(</div>)', re.S)
PROGRESS = re.compile(r'data-ordinal="(\d+)" data-total="(\d+)"')


@dataclass
class Seen:
    """A card as an annotator gets it, with what came along, and what must not be told by it."""

    shown: Shown
    card: str
    around: str
    place: int
    total: int
    kind: str = ""
    first_left: bool = False


class Lengths(HTMLParser):
    """The length of every attribute of an HTML text, in its order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[int] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [len(name) + len(value or "") for name, value in attrs]


@pytest.fixture
def seen(request: pytest.FixtureRequest, client: Client, monkeypatch: pytest.MonkeyPatch) -> list[Seen]:
    """So many cards as one annotator gets to see them, a third of them golds and repeats."""
    monkeypatch.setattr(mixing.chance, "random", random.Random(7).random)
    # Counted anew for every look: the worst case.
    monkeypatch.setattr(progress, "COUNT_SECONDS", 0)
    project = world.project(comparisons=request.param, gold_rate=0.17, repeat_rate=0.17)
    world.add_golds(project, request.param // 4)
    sign_in(client, "alice")
    reply = client.get(url(project))
    desk, found = comparisons_in(reply), _cards(reply.content.decode())
    while len(found) < request.param:
        shown, *desk = desk
        known = [one.lease for one in desk]
        reply = client.post(url(project, "judge"), answer(shown, known=known), headers=SCRIPT)
        desk += comparisons_in(reply)
        found += _cards(reply.content.decode())
    leases = Assignment.objects.select_related("comparison", "left")
    by_uid = {str(lease.uid): lease for lease in leases}
    for one in found:
        lease = by_uid[one.shown.lease]
        one.kind, one.first_left = lease.comparison.kind, lease.left.index == 0
    assert {one.kind for one in found} == {"plain", "gold", "repeat"}
    return found


def _cards(html: str) -> list[Seen]:
    cards = [card for card in CARD.findall(html) if "data-lease" in card]
    around = CARD.sub("", html)
    counted = PROGRESS.search(html)
    assert counted
    ids = [Shown(*UUID.findall(card)[:3]) for card in cards]
    return [
        Seen(shown, card, around, place, int(counted[2]))
        for place, (shown, card) in enumerate(zip(ids, cards, strict=True))
    ]


def bare(card: str) -> str:
    """A card without its texts and ids."""
    return UUID.sub("ID", PROSE.sub(r"\1\2", card))


@pytest.mark.parametrize("seen", [60], indirect=True)
def test_every_card_has_the_same_markup_and_ids_by_chance_alone(seen: list[Seen]) -> None:
    assert len({bare(one.card) for one in seen}) == 1
    assert len({re.sub(r"\d+", "N", UUID.sub("ID", one.around)) for one in seen[3:]}) == 1
    for one in seen:
        assert {uid[14] for uid in (one.shown.comparison, one.shown.lease, one.shown.feedback_id)} == {"4"}
    assert len({one.total for one in seen}) == 1


def features(seen: Sequence[Seen]) -> np.ndarray:
    """What can be counted or measured on each card and around it, but for the texts."""
    rows = []
    for before, one in zip([seen[0], *seen], seen, strict=False):
        ids = [one.shown.comparison, one.shown.lease, one.shown.feedback_id]
        digits = [int(uid[start : start + 4], 16) for uid in ids for start in (0, 4, 9, 14, 19, 24, 28, 32)]
        order = [one.shown.comparison > before.shown.comparison, one.shown.lease > before.shown.lease]
        lengths = Lengths(PROSE.sub(r"\1\2", one.card)).found
        counted = [one.place, one.total, one.total - before.total, len(one.around), one.card.count("<")]
        rows.append([*digits, *order, *counted, *lengths])
    found = np.array(rows, dtype=float)
    varying = found[:, found.std(axis=0) > 0]
    return (varying - varying.mean(axis=0)) / varying.std(axis=0)


def surprise(rows: np.ndarray, labels: np.ndarray) -> float:
    """How much better a linear classifier tells the labels of cards that it has not seen than those of shuffled ones,
    in standard deviations of the latter.
    """
    chance = np.random.default_rng(11)

    def area(told: np.ndarray) -> float:
        """Area under the ROC curve, over five folds."""
        scores = np.zeros(len(told))
        fold = np.arange(len(told)) % 5
        for left_out in range(5):
            train, test = fold != left_out, fold == left_out
            x = np.hstack([rows, np.ones((len(rows), 1))])
            gram = x[train].T @ x[train] + len(told) / 20 * np.eye(x.shape[1])
            scores[test] = x[test] @ np.linalg.solve(gram, x[train].T @ (2.0 * told[train] - 1))
        ranks = scores.argsort().argsort() + 1
        positive = told.sum()
        return float((ranks[told].sum() - positive * (positive + 1) / 2) / (positive * (len(told) - positive)))

    shuffled = [area(chance.permutation(labels)) for _ in range(200)]
    return (area(labels) - float(np.mean(shuffled))) / float(np.std(shuffled))


@pytest.mark.slow
@pytest.mark.parametrize("seen", [200], indirect=True)
def test_no_feature_of_the_html_predicts_side_or_kind(seen: list[Seen]) -> None:
    rows = features(seen)
    labels = {
        "gold": [one.kind == "gold" for one in seen],
        "repeat": [one.kind == "repeat" for one in seen],
        "side": [one.first_left for one in seen],
        # What has been judged: the fragment after it must not tell either.
        "the gold before": [False, *(one.kind == "gold" for one in seen[:-1])],
    }
    for name, told in labels.items():
        assert surprise(rows, np.array(told)) < 5, name
    # It would be found, if one feature told it nine times in ten.
    gold = np.array(labels["gold"])
    told = np.where(np.random.default_rng(3).random(len(gold)) < 0.9, gold, ~gold)
    assert surprise(np.column_stack([rows, told]), gold) > 5
