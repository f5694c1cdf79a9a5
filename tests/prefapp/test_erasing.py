"""Erasing a person by the command, in the admin and over the API."""

from __future__ import annotations

import io
import sys
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from annotation import erasure
from annotation.models import Event
from exports.recipes import save_recipe
from prefapp.erasing import person
from tests import world
from tests.annotation.admin.scenery import browse, page_path
from tests.annotation.person import (
    OTHER,
    SPOKEN,
    USER,
    give_feedback,
    inference,
    live,
    log_inferences,
    preference,
    remains,
)
from tests.api import Caller, pointers, problem
from tests.exports.dataset import built

pytestmark = pytest.mark.django_db(transaction=True)

ALL = "3 inferences, 8 outputs, 9 feedback records, 6 judgments"
COUNTS = {"inferences": 3, "outputs": 8, "feedback": 9, "judgments": 6}
NOTHING = dict.fromkeys(COUNTS, 0)


@pytest.fixture(autouse=True)
def snapshot_dir(settings, tmp_path):
    settings.SNAPSHOT_DIR = tmp_path / "snapshots"


@pytest.fixture
def project(transactional_db):
    made = world.project()
    live(made)
    return made


def run(*arguments):
    out = StringIO()
    call_command("erase", "--project", "summaries", *arguments, stdout=out)
    return out.getvalue().splitlines()


def snapshots(project):
    """One that holds the person's rows, and one that does not."""
    built(project, sources=["end_user"], formats=["preference"])
    log_inferences(project, inference("later", user=OTHER, text="rhinoceros"))
    give_feedback(
        project, preference("f-later", "later", source={"type": "ai_critic", "id": "critic"}, rationale="It is.")
    )
    built(project, sources=["ai_critic"], formats=["preference"])


class TestCommand:
    def test_the_plain_command_erases_and_names_the_snapshots(self, project):
        snapshots(project)
        assert run("--user-id", USER) == [f"erased: {ALL}", "snapshots that hold erased rows: 1"]
        assert remains(*SPOKEN) == []
        assert set(Event.objects.filter(kind="records.erased").values_list("actor", flat=True)) == {"command:erase"}

    def test_recipes_that_name_the_person_are_named(self, project):
        save_recipe(project, "theirs", {"user_id": USER}, actor="test")
        save_recipe(project, "all", {}, actor="test")
        built(project, sources=["end_user"], user_id=USER)
        told = run("--user-id", USER)
        assert told[1:] == [
            "snapshots that hold erased rows: 1",
            "recipes that name the person: theirs v1, that of snapshot 1",
        ]

    def test_again_it_finds_nothing(self, project):
        run("--user-id", USER)
        assert run("--user-id", USER) == ["nothing is left to erase", "no snapshot holds any erased row"]

    def test_a_dry_run_only_counts(self, project):
        assert run("--user-id", USER, "--dry-run") == [f"to erase: {ALL}"]
        assert run("--user-id", "nobody", "--dry-run")[0].startswith("to erase: 0 inferences")
        assert erasure.count_records(project, USER).inferences == 3

    @pytest.mark.parametrize(("answer", "is_erased"), [("erase", True), ("y", False), ("", False)])
    def test_on_a_terminal_it_asks(self, project, monkeypatch, answer, is_erased):
        typed = io.StringIO(f"{answer}\n")
        monkeypatch.setattr(typed, "isatty", lambda: True)
        monkeypatch.setattr(sys, "stdin", typed)
        if is_erased:
            assert run("--user-id", USER)[0] == f"to erase: {ALL}"
        else:
            with pytest.raises(CommandError, match="nothing was erased"):
                run("--user-id", USER)
        assert (erasure.count_records(project, USER).inferences == 0) == is_erased

    def test_yes_on_a_terminal_is_not_asked(self, project, monkeypatch):
        typed = io.StringIO()
        monkeypatch.setattr(typed, "isatty", lambda: True)
        monkeypatch.setattr(sys, "stdin", typed)
        assert run("--user-id", USER, "--yes")[0] == f"erased: {ALL}"

    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            (["--user-id", ""], "--user-id is empty"),
            (["--user-id", "\udcff"], "not Unicode"),
            (["--user-id", USER, "--reason", f"asked by {USER}"], "--reason must"),
            (["--user-id", USER, "--project", "nowhere"], "there is no project “nowhere”"),
        ],
    )
    def test_what_cannot_be_done_is_one_line(self, project, arguments, why):
        with pytest.raises(CommandError, match=why) as caught:
            run(*arguments)
        assert "\n" not in str(caught.value)
        assert erasure.count_records(project, USER).inferences == 3

    def test_broken_off_it_says_how_to_go_on(self, project, monkeypatch):
        def break_off(*_, tell, **__):
            raise KeyboardInterrupt

        monkeypatch.setattr(person, "erase", break_off)
        with pytest.raises(CommandError, match="broken off after 0 records"):
            run("--user-id", USER)

    def test_verify_log_says_what_was_erased(self, project):
        run("--user-id", USER)
        out = StringIO()
        call_command("verify_log", "--project", "summaries", stdout=out)
        first, second, *events = out.getvalue().splitlines()
        assert first.startswith("ok: ")
        assert second == f"erased: {ALL}"
        told = Event.objects.filter(kind="records.erased").order_by("pk")
        assert [line.split(":")[0].strip() for line in events] == [f"position {one.seal.position}" for one in told]


class TestAPI:
    def test_it_erases_for_who_manages(self, project):
        snapshots(project)
        answer = Caller(project, "manage")("POST", "erasures/", {"user_id": USER, "reason": "ticket 7"})
        assert (answer.status_code, answer.json()) == (
            200, {"erased": COUNTS, "left": NOTHING, "snapshots": [1], "recipes": []},
        )  # fmt: skip
        assert remains(*SPOKEN) == []

    def test_more_than_a_call_takes_is_erased_by_calling_again(self, project, monkeypatch):
        monkeypatch.setattr("prefapp.erasing.api.AT_ONCE", 1)
        manager, done = Caller(project, "manage"), []
        while (answer := manager("POST", "erasures/", {"user_id": USER})).status_code == 202:
            done.append(answer.json()["erased"])
        assert answer.status_code == 200
        done.append(answer.json()["erased"])
        assert len(done) > 1
        assert {name: sum(one[name] for one in done) for name in COUNTS} == COUNTS

    def test_a_dry_run_only_counts(self, project):
        answer = Caller(project, "manage")("POST", "erasures/", {"user_id": USER, "dry_run": True})
        assert answer.json() == {"erased": NOTHING, "left": COUNTS, "snapshots": [], "recipes": []}

    @pytest.mark.parametrize(
        ("body", "where"),
        [
            ({}, "/user_id"),
            ({"user_id": ""}, "/user_id"),
            ({"user_id": USER, "reason": f"asked by {USER}"}, "/reason"),
            ({"user_id": USER, "because": "x"}, "/because"),
        ],
    )
    def test_what_is_wrong_is_pointed_to_and_nothing_is_erased(self, project, body, where):
        assert pointers(Caller(project, "manage")("POST", "erasures/", body)) == [where]
        assert erasure.count_records(project, USER).inferences == 3

    def test_other_scopes_may_not(self, project):
        for scope in ("ingest", "annotate", "read"):
            problem(Caller(project, scope)("POST", "erasures/", {"user_id": USER}), 403)


class TestAdmin:
    def path(self, project):
        return f"/admin/annotation/project/{project.pk}/erase/"

    SENT = {"_form_submitted": "on", "user_id": USER, "reason": "ticket 7", "sure": "on"}

    def test_a_lead_erases_on_the_page_of_the_project(self, project):
        snapshots(project)
        lena = browse(world.lead("lena", project))
        assert self.path(project) in lena.get(page_path(project)).content.decode()
        assert "cannot be undone" in lena.get(self.path(project)).content.decode()
        html = lena.post(self.path(project), self.SENT, follow=True).content.decode()
        assert ALL in html
        assert "v1" in html
        assert USER not in html
        assert remains(*SPOKEN) == []
        assert Event.objects.filter(kind="records.erased").values_list("actor", flat=True)[0] == "user:lena"

    @pytest.mark.parametrize("wrong", [{"sure": ""}, {"user_id": ""}, {"reason": f"for {USER}"}])
    def test_without_all_that_it_asks_for_nothing_is_erased(self, project, wrong):
        lena = browse(world.lead("lena", project))
        assert lena.post(self.path(project), self.SENT | wrong).status_code == 200
        assert erasure.count_records(project, USER).inferences == 3

    def test_a_stranger_cannot(self, project):
        eve = browse(world.lead("eve", world.project("other")))
        eve.post(self.path(project), self.SENT)
        assert erasure.count_records(project, USER).inferences == 3
