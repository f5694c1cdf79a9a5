"""Nothing in the HTML but the texts depends on whether a comparison is plain, a gold or a repeat, nor on the sides, nor
on how many others are asked, nor on why it came to this annotator.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from html.parser import HTMLParser

import numpy as np
import pytest
from django.test import Client

from annotation import mixing, progress, routing
from annotation.models import Assignment, Comparison
from tests import world
from tests.annotation.views.page import SCRIPT, Shown, answer, comparisons_in, url

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
    is_sampled: bool = False
    is_required: bool = False
    is_reserved: bool = False


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
    rates = {"gold_rate": 0.17, "repeat_rate": 0.17, "overlap_sample_share": 0.3, "overlap_sample": 3}
    project = world.project(comparisons=request.param, **rates)
    world.add_golds(project, request.param // 4)
    alice = world.annotator(project, "alice")
    client.force_login(alice.user)
    routing.set_tags(alice, ["french"], actor="test")
    lot = random.Random(5)
    for comparison in Comparison.objects.all():
        tags, only = (["french"] if lot.random() < 0.3 else []), (alice if lot.random() < 0.2 else None)
        routing.route(comparison, requires=tags, reserved_for=only, actor="test")
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
        comparison = lease.comparison
        one.kind, one.first_left = comparison.kind, lease.left.index == 0
        one.is_sampled, one.is_required = comparison.overlap == 3, comparison.requires is not None
        one.is_reserved = comparison.reserved_for_id is not None
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


def level(around: str) -> str:
    """What is around a card without ids and counts."""
    return re.sub(r"\d+", "N", UUID.sub("ID", around))


@pytest.mark.parametrize("seen", [60], indirect=True)
def test_every_card_has_the_same_markup_and_ids_by_chance_alone(seen: list[Seen]) -> None:
    assert len({bare(one.card) for one in seen}) == 1
    assert len({level(one.around) for one in seen[3:]}) == 1
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
        counted = [one.place, one.total, one.total - before.total, len(level(one.around)), one.card.count("<")]
        rows.append([*digits, *order, *counted, *lengths])
    # By their order alone: the first page, which is far longer than all after it, would hide the rest.
    found = np.column_stack([np.unique(column, return_inverse=True)[1] for column in np.array(rows).T]).astype(float)
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
@pytest.mark.parametrize("seen", [400], indirect=True)
def test_no_feature_of_the_html_predicts_side_or_kind(seen: list[Seen]) -> None:
    rows = features(seen)
    labels = {
        "gold": [one.kind == "gold" for one in seen],
        "repeat": [one.kind == "repeat" for one in seen],
        "side": [one.first_left for one in seen],
        "sampled": [one.is_sampled for one in seen],
        "required": [one.is_required for one in seen],
        "reserved": [one.is_reserved for one in seen],
        # What has been judged: the fragment after it must not tell either.
        "the gold before": [False, *(one.kind == "gold" for one in seen[:-1])],
    }
    for name, told in labels.items():
        assert surprise(rows, np.array(told)) < 5, name
    for leak in LEAKS:
        for name in ("gold", "repeat", "side", "sampled", "required", "reserved"):
            told = np.array(labels[name])
            assert surprise(features(leaking(seen, told, leak)), told) > 5, f"{leak.__name__} tells {name}, unseen"


def a_longer_attribute(one: Seen) -> Seen:
    return replace(one, card=one.card.replace(' class="', ' class="x ', 1))


def one_more_tag(one: Seen) -> Seen:
    return replace(one, card=one.card.replace("</article>", "<wbr></article>"))


def a_low_id(one: Seen) -> Seen:
    return replace(one, shown=replace(one.shown, lease="00" + one.shown.lease[2:]))


def a_larger_total(one: Seen) -> Seen:
    return replace(one, total=one.total + 1)


def something_around(one: Seen) -> Seen:
    return replace(one, around=one.around + " ")


LEAKS = [a_longer_attribute, one_more_tag, a_low_id, a_larger_total, something_around]


def leaking(seen: Sequence[Seen], told: np.ndarray, leak: Callable[[Seen], Seen]) -> list[Seen]:
    """The cards as they would be, did a leak tell the label of nine in ten."""
    tells = np.random.default_rng(3).random(len(seen)) < 0.9
    return [leak(one) if label == tell else one for one, label, tell in zip(seen, told, tells, strict=True)]
