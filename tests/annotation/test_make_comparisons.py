"""manage.py make_comparisons, and importing by a pairing strategy."""

from __future__ import annotations

import json

import pytest
from django.core.management import CommandError

from annotation.models import Comparison, Event
from tests import world
from tests.annotation.intake.records import inference
from tests.annotation.pairing.prompts import log_prompt
from tests.annotation.test_commands import run

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(db):
    made = world.project("p", pairing_n=2)
    for number in range(3):
        log_prompt(made, ["aurora", "basalt 2", "coral"], f"r{number}")
    return made


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        *(([], 6), (["--strategy", "all_pairs"], 9), (["--strategy", "random", "--n", "1", "--seed", "4"], 3)),
        *((["--strategy", "all_pairs", "--limit", "4"], 4), (["--strategy", "round_robin"], 9)),
        (["--strategy", "model_pairs", "--models", "aurora, basalt 2"], 3),
        *((["--strategy", "informative", "--limit", "4"], 4), (["--strategy", "informative"], 6)),
        (["--strategy", "informative", "--n", "1", "--limit", "2"], 2),
    ],
)
def test_it_makes_comparisons_of_all_prompts(project, arguments, count):
    out, errors, code = run("make_comparisons", "--project", "p", *arguments, "--priority", "3", "--overlap", "2")
    assert (out, errors, code) == ([f"made {count} comparisons"], [], 0)
    assert set(Comparison.objects.values_list("priority", "overlap")) == {(3, 2)}
    assert Event.objects.filter(kind="comparisons.created").first().actor == "command:make_comparisons"


def test_again_makes_what_is_missing_and_nothing_twice(project):
    run("make_comparisons", "--project", "p", "--strategy", "all_pairs", "--limit", "4")
    assert run("make_comparisons", "--project", "p", "--strategy", "all_pairs")[0] == ["made 5 comparisons"]
    assert run("make_comparisons", "--project", "p", "--strategy", "all_pairs")[0] == ["made 0 comparisons"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        *((["--project", "nowhere"], "there is no project “nowhere”"), (["--n", "0"], "--n must be from 1 to 2,016")),
        *((["--limit", "0"], "--limit must be"), (["--overlap", "101"], "--overlap must be from 1 to 100")),
        *(
            (["--strategy", "none"], "invalid choice"),
            (["--strategy", "model_pairs"], "--models: must name two models"),
        ),
    ],
)
def test_what_cannot_be_done_is_one_line_and_changes_nothing(project, arguments, why):
    with pytest.raises(CommandError, match=why) as caught:
        run("make_comparisons", "--project", "p", *arguments)
    assert "\n" not in str(caught.value)
    assert not Comparison.objects.exists()


def test_files_are_imported_by_any_strategy(project, tmp_path):
    path = tmp_path / "more.jsonl"
    outputs = [{"content": name, "model": {"name": name}} for name in ("aurora", "basalt", "coral", "dune")]
    path.write_text(json.dumps(inference("new", outputs=outputs)))
    with pytest.raises(CommandError, match="pairing_models: must name two models"):
        run("import_pairs", path, "--project", "p", "--pairing", "model_pairs")
    assert "4 comparisons" in run("import_pairs", path, "--project", "p", "--pairing", "round_robin")[0][-1]
