"""Golds and repeats make no pairs; who failed the golds can be left out, as of the watermark."""

from __future__ import annotations

import pytest

from annotation import answers, mixing
from annotation.models import Annotator, Judgment, Project
from exports.pipeline.build import build
from tests import world
from tests.chance import GOLD, NEITHER, RATES, REPEAT, drawn
from tests.exports.dataset import EVERYTHING, ask, built, rows

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project(db: None) -> Project:
    made = world.project(comparisons=12, overlap=2, **RATES)
    world.add_golds(made, 4)
    return made


def judge(annotator: Annotator, what: float, count: int, *, rightly: bool = True) -> None:
    """Judge so many of what chance gives; the golds rightly (output 0 is right) or wrongly."""
    with drawn(what):
        for _ in range(count):
            (lease,) = answers.queue.hold(annotator, count=1)
            right = "a" if lease.left_id == lease.comparison.a_id else "b"
            wrong = "b" if right == "a" else "a"
            assert world.judge_next(annotator, right if rightly else wrong) == lease


def judges(project: Project, **recipe: object) -> set[str]:
    return {row["source_id"] for row in rows(built(project, formats=["judgments"], **recipe), "judgments")}


def test_golds_and_repeats_make_no_rows(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixing, "APART", 0)
    alice = world.annotator(project, "alice")
    judge(alice, NEITHER, 2)
    judge(alice, GOLD, 2)
    judge(alice, REPEAT, 1)
    kinds = Judgment.objects.order_by("pk").values_list("comparison__kind", flat=True)
    assert list(kinds) == ["plain", "plain", "gold", "gold", "repeat"]
    snapshot = built(project, formats=["judgments", "preference"], **EVERYTHING)
    assert len(rows(snapshot, "judgments")) == len(rows(snapshot, "preference")) == 2
    assert snapshot.manifest["counts"]["selected"]["judgments"] == 2


def test_who_failed_the_golds_is_left_out_when_asked_for(project: Project) -> None:
    alice, bob = world.annotator(project, "alice"), world.annotator(project, "bob")
    for annotator, rightly in ((alice, False), (bob, True)):
        judge(annotator, GOLD, 3, rightly=rightly)
        judge(annotator, NEITHER, 2)
    assert judges(project) == {"alice", "bob"}
    snapshot = built(project, formats=["judgments"], exclude_failed_gold=True)
    assert {row["source_id"] for row in rows(snapshot, "judgments")} == {"bob"}
    selected = snapshot.manifest["counts"]["selected"]
    assert (selected["judgments"], selected["dropped"]) == (2, {"failed_gold": 2})


def test_few_golds_and_most_of_them_right_are_no_failure(project: Project) -> None:
    alice, bob = world.annotator(project, "alice"), world.annotator(project, "bob")
    judge(alice, GOLD, 2, rightly=False)
    judge(bob, GOLD, 1, rightly=False)
    judge(bob, GOLD, 3)
    for annotator in (alice, bob):
        judge(annotator, NEITHER, 1)
    assert judges(project, exclude_failed_gold=True) == {"alice", "bob"}


def test_failing_is_seen_up_to_the_watermark(project: Project) -> None:
    alice = world.annotator(project, "alice")
    judge(alice, NEITHER, 1)
    judge(alice, GOLD, 2, rightly=False)
    before = ask(project, formats=["judgments"], exclude_failed_gold=True)
    judge(alice, GOLD, 1, rightly=False)
    build(before.pk)
    before.refresh_from_db()
    assert len(rows(before, "judgments")) == 1
    assert judges(project, exclude_failed_gold=True) == set()
    with drawn(NEITHER):
        answers.undo(alice)
    assert judges(project, exclude_failed_gold=True) == {"alice"}, "what was taken back does not count"
