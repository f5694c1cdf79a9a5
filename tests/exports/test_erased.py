"""What erasures mean for datasets: later ones leave the rows out, earlier ones are named."""

from __future__ import annotations

from io import StringIO

import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command

from annotation import erasure
from exports.models import Snapshot
from exports.pipeline import merge, stages
from exports.pipeline.build import build
from exports.pipeline.erasures import list_holders
from exports.pipeline.preview import preview
from exports.pipeline.recipe import parse_recipe
from tests import world
from tests.annotation.person import OTHER, SECRET, USER, edit, give_feedback, inference, log_inferences, preference
from tests.exports.dataset import EVERYTHING, ask, built, dropped, rows

pytestmark = pytest.mark.django_db(transaction=True)

RECIPE = {"sources": ["end_user", "reward_model"], "formats": ["preference", "judgments"]}


@pytest.fixture
def project(db):
    """The person asked p0 and p1, somebody else o0 and o1; the person also said something on o0 and edited o1."""
    made = world.project()
    log_inferences(made, *(inference(f"p{n}") for n in range(2)))
    log_inferences(made, *(inference(f"o{n}", user=OTHER, text="rhinoceros") for n in range(2)))
    other = {"type": "end_user", "id": OTHER}
    give_feedback(
        made,
        *(preference(f"f-p{n}", f"p{n}") for n in range(2)),
        *(preference(f"f-o{n}", f"o{n}", source=other, rationale="Because.") for n in range(2)),
        preference("f-on-other", "o0"),
        edit("f-edit", "o1"),
    )
    return made


def erase(project):
    return erasure.erase(project, USER, actor="test")


def texts(snapshot):
    """Everything that stands in the files."""
    found = [pq.read_table(path).to_pylist() for path in snapshot.path.rglob("*.parquet")]
    return str(found)


# By content o0 and o1 are one pair.
@pytest.mark.parametrize(("merge", "left"), [("comparison", {"o0", "o1"}), ("content", {"o0"})])
def test_later_snapshots_leave_the_rows_out(project, merge, left):
    before = built(project, **RECIPE, merge=merge)
    assert SECRET in texts(before)
    erase(project)
    after = built(project, **RECIPE, merge=merge)
    assert SECRET not in texts(after)
    assert USER not in texts(after)
    assert {row["meta_request_id"] for row in rows(after, "preference")} == left
    assert {row["feedback_id"] for row in rows(after, "judgments")} == {"f-o0", "f-o1"}


def test_what_is_left_out_is_counted_under_its_rule(project):
    erase(project)
    snapshot = built(project, **RECIPE)
    assert snapshot.manifest["counts"]["curated"]["dropped"] == {"erased": 3}
    assert dropped(snapshot) == {"erased": 3}
    outputs = {tuple(row["outputs"]) for row in rows(snapshot, "dropped", "pairs")}
    assert {("p0-0", "p0-1"), ("p1-0", "p1-1")} <= outputs
    assert "dropped by `erased`: 3 pairs" in (snapshot.path / "README.md").read_text()
    counts = preview(project, parse_recipe({**EVERYTHING, **RECIPE}))["counts"]
    assert counts["curated"]["dropped"] == {"erased": 3}


def test_a_pair_that_others_voted_on_stays_with_their_votes(project):
    before = built(project, **RECIPE)
    erase(project)
    after = built(project, **RECIPE)

    def votes(snapshot):
        (row,) = (row for row in rows(snapshot, "preference") if row["meta_request_id"] == "o0")
        return row["meta_votes_chosen"]

    assert (votes(before), votes(after)) == (2, 1)


def test_an_increment_tells_what_was_removed_and_changed(project):
    base = built(project, **RECIPE)
    ids = {row["meta_request_id"]: row["meta_pair_id"] for row in rows(base, "preference")}
    assert len(rows(base, "preference")) == 5
    erase(project)
    increment = built(project, **RECIPE, incremental=True)
    assert increment.parent == base

    def told(change):
        files = (increment.path / "changes").glob(f"{change}-*")
        found = [row for file in files for row in pq.read_table(file).to_pylist()]
        return {row["id"] for row in found if row["kind"] == "pair"}

    assert told("added") == set()
    assert told("changed") == {ids["o0"]}
    assert told("removed") >= {ids["p0"], ids["p1"]}
    assert len(told("removed")) == 3


def rebuild(snapshot):
    errors = StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("rebuild_snapshot", str(snapshot.version), "--project", "summaries", "--check", stderr=errors)
    return errors.getvalue(), str(caught.value)


def test_rebuilding_an_earlier_one_says_why_it_cannot_be_the_same(project):
    before = built(project, **RECIPE)
    erase(project)
    files, reason = rebuild(before)
    assert "has other bytes" in files
    assert reason == "cannot come out the same any more: 4 judgments that it saw were erased since"


def test_rebuilding_what_holds_nothing_of_it_gives_the_same(project):
    log_inferences(project, inference("later", user=OTHER, text="rhinoceros"))
    model = {"type": "reward_model", "id": "rm-7"}
    give_feedback(project, preference("f-later", "later", source=model))
    before = built(project, **{**RECIPE, "sources": ["reward_model"]})
    erase(project)
    call_command("rebuild_snapshot", str(before.version), "--project", "summaries", "--check", stdout=StringIO())


@pytest.mark.parametrize("recipe", [
    {"formats": ["preference"]}, {"formats": ["judgments"]}, {"formats": ["kto", "battles"]},
    {"formats": ["preference"], "file_format": "jsonl.zst"},
])  # fmt: skip
def test_the_snapshots_that_hold_what_was_erased_are_named(project, recipe):
    recipe = {**RECIPE, **recipe}
    assert list_holders(project) == []
    third = "user-13"
    log_inferences(project, inference("t0", user=third, text="rhinoceros"))
    give_feedback(project, preference("f-third", "t0", source={"type": "end_user", "id": third}))
    holding = built(project, **recipe)
    of_third = built(project, **recipe, user_id=third)
    of_humans = built(project, **{**recipe, "sources": ["human"]})
    assert list_holders(project) == []
    erase(project)
    assert list_holders(project) == [holding]
    built(project, **recipe)
    assert list_holders(project) == [holding], "what was built after the erasure holds nothing"
    assert (of_third.rows > 0, of_humans.rows) == (True, 0)


def test_files_that_are_gone_hold_nothing(project):
    holding = built(project, **RECIPE)
    erase(project)
    for file in holding.path.rglob("*.parquet"):
        file.unlink()
    assert list_holders(project) == []


def test_an_erasure_while_a_snapshot_is_built_is_not_in_it(project, monkeypatch):
    snapshot = ask(project, **EVERYTHING, **RECIPE)
    split, times = stages.split, []

    def erase_and_split(*args, **options):
        times.append(1)
        if len(times) == 1:
            erase(project)
        return split(*args, **options)

    monkeypatch.setattr(stages, "split", erase_and_split)
    build(snapshot.pk)
    snapshot.refresh_from_db()
    assert (snapshot.status, len(times)) == ("ready", 2)
    assert SECRET not in texts(snapshot)
    assert list_holders(project) == []


def test_an_erasure_just_before_it_is_published_is_not_in_it(project, monkeypatch):
    snapshot = ask(project, **EVERYTHING, **RECIPE)
    make_manifest, times = merge.make_manifest, []

    def erase_and_tell(*args):
        times.append(1)
        if len(times) == 1:
            erase(project)
        return make_manifest(*args)

    monkeypatch.setattr(merge, "make_manifest", erase_and_tell)
    build(snapshot.pk)
    snapshot = Snapshot.objects.get(pk=snapshot.pk)
    assert (snapshot.status, len(times)) == ("ready", 2)
    assert SECRET not in texts(snapshot)
