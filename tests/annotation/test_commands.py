"""The commands for leads: import_pairs, project, annotators, create_api_key."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from annotation import keys, projects, queue
from annotation.models import ApiKey, Project, Prompt
from tests import world
from tests.annotation.intake.records import inference
from tests.processes import test_database_environment

ROOT = Path(__file__).resolve().parent.parent.parent


def run(*arguments):
    """Run a command; return its lines on standard output and on standard error, and its exit code."""
    out, errors = io.StringIO(), io.StringIO()
    code = 0
    try:
        call_command(*map(str, arguments), stdout=out, stderr=errors)
    except SystemExit as leaving:
        code = leaving.code
    return out.getvalue().splitlines(), errors.getvalue().splitlines(), code


@pytest.fixture
def native(tmp_path):
    """A native file with a good record and a bad one."""
    path = tmp_path / "native.jsonl"
    path.write_text(json.dumps(inference()) + "\n" + json.dumps({**inference("r2"), "prompt": None}) + "\n")
    return path


@pytest.mark.django_db
class TestImportPairs:
    def test_it_tells_what_it_made(self, native):
        out, errors, code = run("import_pairs", native, "--project", "new", "--create")
        assert out == ["imported 1 prompts, 2 outputs, 0 judgments, 1 comparisons; 0 duplicates; 1 refused"]
        assert errors == [f"{native}:2: /prompt: must be a string or a list of messages"]
        assert code == 1

    def test_a_good_import_is_a_success(self, tmp_path):
        (tmp_path / "good.jsonl").write_text(json.dumps(inference()))
        world.project("old")
        assert run("import_pairs", tmp_path / "good.jsonl", "--project", "old")[1:] == ([], 0)

    def test_a_new_project_is_open_to_all_with_the_plain_scale_and_overlap_one(self, native):
        run("import_pairs", native, "--project", "new", "--create")
        settings = projects.read_settings(Project.objects.get(slug="new"))
        assert (settings["scale"], settings["overlap"], settings["members"]) == ("plain", 1, [])
        assert run("import_pairs", native, "--project", "new", "--create")[0][-1].endswith("1 duplicates; 1 refused")

    def test_strict_keeps_nothing(self, native):
        out, _, code = run("import_pairs", native, "--project", "new", "--create", "--strict")
        assert out == ["imported 0 prompts, 0 outputs, 0 judgments, 0 comparisons; 0 duplicates; 1 refused"]
        assert code == 1
        assert not Prompt.objects.exists()

    @pytest.mark.parametrize("more", [[], ["--strict"]])
    def test_what_is_refused_whole_leaves_the_project_that_was_asked_for(self, tmp_path, more):
        path = tmp_path / "bad.jsonl"
        path.write_text("{}\n[]\n")
        out, errors, code = run("import_pairs", path, "--project", "new", "--create", *more)
        assert out[0].endswith("2 refused")
        assert (len(errors), code) == (2, 1)
        assert Project.objects.get().slug == "new"

    def test_a_project_made_of_an_empty_file_is_empty(self, tmp_path):
        (tmp_path / "empty.jsonl").write_text("")
        assert run("import_pairs", tmp_path / "empty.jsonl", "--project", "new", "--create")[2] == 0
        assert Project.objects.get().slug == "new"

    def test_what_is_told_cannot_steer_a_terminal(self, tmp_path):
        path = tmp_path / "hostile.jsonl"
        path.write_text(json.dumps({**inference(), "\x1b[2J\nünd\x9b": 1}))
        _, errors, _ = run("import_pairs", path, "--project", "new", "--create")
        assert errors == [
            f"{path}:1: /\\x1b[2J\\nünd\\x9b: is not a known field; free-form data goes into metadata",
        ]

    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            (["{native}", "--project", "nowhere"], "there is no project “nowhere”"),
            (["{native}", "--project", "two words", "--create"], "slug"),
            (["{native}", "missing.jsonl", "--project", "new", "--create"], "missing.jsonl: No such file"),
            (["{native}", "picture.png", "--project", "new", "--create"], "unknown ending"),
            (["{native}", "--project", "new", "--format", "xml"], "invalid choice"),
            (["{native}", "--project", "new", "--pairing", "some"], "invalid choice"),
            (["--project", "new"], "the following arguments are required"),
        ],
    )
    def test_what_cannot_be_done_is_one_line_and_changes_nothing(self, native, arguments, why):
        with pytest.raises(CommandError, match=why) as caught:
            run("import_pairs", *(argument.format(native=native) for argument in arguments))
        assert "\n" not in str(caught.value)
        assert not Project.objects.exists()


@pytest.mark.django_db
class TestProject:
    def test_it_makes_shows_and_changes(self, tmp_path):
        guidelines = tmp_path / "guidelines.md"
        guidelines.write_text("# Be fair\n\nÜber alles.\n", encoding="utf-8")
        settings = ["overlap=3", f"guidelines=@{guidelines}", "name=A = B"]
        run("project", "p", "--create", *(f"--set={setting}" for setting in settings))
        world.person("alice")
        out, errors, code = run("project", "p", "--set", "members=alice")
        assert (errors, code) == ([], 0)
        assert out[:2] == ["slug: p", "name: A = B"]
        assert "overlap: 3" in out
        assert "members: alice" in out
        assert out[out.index("guidelines:") :][:4] == ["guidelines:", "    # Be fair", "", "    Über alles."]
        assert run("project", "p")[0] == out

    def test_making_it_again_changes_only_what_is_set(self):
        run("project", "p", "--create", "--set", "overlap=3")
        run("project", "p", "--create", "--set", "scale=strength7")
        project = Project.objects.get()
        assert (project.overlap, project.scale) == (3, "strength7")

    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            (["nowhere"], "there is no project “nowhere”"),
            (["p", "--create", "--set", "overlap"], "must be KEY=VALUE"),
            (["p", "--create", "--set", "overlap=0"], "overlap"),
            (["p", "--create", "--set", "colour=red"], "colour: is no setting"),
            (["p", "--create", "--set", "guidelines=@missing.md"], "missing.md: No such file"),
            (["p", "--create", "--set", "members=nobody"], "there is no user “nobody”"),
            (["two words", "--create"], "slug"),
        ],
    )
    def test_what_cannot_be_done_is_one_line_and_changes_nothing(self, arguments, why):
        with pytest.raises(CommandError, match=why) as caught:
            run("project", *arguments)
        assert "\n" not in str(caught.value)
        assert not Project.objects.exists()

    def test_guidelines_must_be_utf_8(self, tmp_path):
        (tmp_path / "latin.md").write_bytes("Über".encode("latin-1"))
        with pytest.raises(CommandError, match="not UTF-8"):
            run("project", "p", "--create", "--set", f"guidelines=@{tmp_path / 'latin.md'}")


@pytest.mark.django_db
class TestCreateApiKey:
    def test_the_key_is_the_last_line_and_is_not_stored(self):
        project = world.project()
        out, _, code = run("create_api_key", "--project", project.slug, "--scope", "ingest", "--name", "logger")
        assert code == 0
        stored = ApiKey.objects.get()
        assert keys.find_key(out[-1]) == stored
        assert (stored.name, stored.scopes, stored.project) == ("logger", ["ingest"], project)
        assert out[-1] not in json.dumps(list(ApiKey.objects.values()), default=str)

    def test_a_key_may_have_several_scopes(self):
        run("create_api_key", "--project", world.project().slug, "--scope", "ingest", "--scope", "read", "--name", "x")
        assert ApiKey.objects.get().scopes == ["ingest", "read"]

    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            (["--project", "nowhere", "--scope", "read", "--name", "x"], "there is no project “nowhere”"),
            (["--project", "summaries", "--scope", "all", "--name", "x"], "invalid choice"),
            (["--project", "summaries", "--scope", "read", "--name", ""], "--name"),
            (["--project", "summaries", "--scope", "read"], "required"),
            (["--project", "summaries", "--name", "x"], "--scope is required, or --origin"),
            (["--project", "summaries", "--name", "x", "--origin", "example.org"], "origins: “example.org” is none"),
            (
                ["--project", "summaries", "--name", "x", "--origin", "https://a.b", "--scope", "read"],
                "scopes: a browser",
            ),
            (["--project", "summaries", "--name", "x", "--scope", "read", "--rate-limit", "0"], "rate_limit: must be"),
            (
                ["--project", "summaries", "--name", "x", "--scope", "read", "--expires-days", "0"],
                "--expires-days must",
            ),
        ],
    )
    def test_what_cannot_be_done_is_one_line(self, arguments, why):
        world.project()
        with pytest.raises(CommandError, match=why):
            run("create_api_key", *arguments)
        assert not ApiKey.objects.exists()

    def test_a_browser_key_is_made_by_naming_origins(self):
        origins = ["https://app.example.org", "http://localhost:3000"]
        arguments = [word for origin in origins for word in ("--origin", origin)]
        run("create_api_key", "--project", world.project().slug, "--name", "site", *arguments)
        key = ApiKey.objects.get()
        assert (key.kind, key.scopes, key.origins, key.rate_limit) == ("browser", [], origins, keys.BROWSER_RATE_LIMIT)

    def test_a_key_may_be_limited_and_expire(self):
        limits = ["--rate-limit", "30", "--expires-days", "90"]
        run("create_api_key", "--project", world.project().slug, "--scope", "read", "--name", "x", *limits)
        key = ApiKey.objects.get()
        assert key.rate_limit == 30
        assert (key.expires_at - key.created_at).days in {89, 90}


@pytest.mark.django_db
class TestRotateApiKey:
    def test_the_new_key_is_the_last_line_and_the_old_one_works_on_for_a_day(self):
        old, secret = keys.create_key(world.project(), name="logger", scopes=["ingest"], actor="test")
        out, _, code = run("rotate_api_key", str(old.uid))
        assert code == 0
        assert keys.find_key(out[-1]).replaces == old
        assert keys.find_key(secret) == old
        old.refresh_from_db()
        assert f"{old.expires_at:%Y-%m-%d %H:%M:%S}" in out[0]
        assert 23 < (old.expires_at - old.created_at).total_seconds() / 3600 < 25

    def test_an_overlap_of_none_ends_the_old_one_at_once(self):
        old, secret = keys.create_key(world.project(), name="logger", scopes=["ingest"], actor="test")
        run("rotate_api_key", str(old.uid), "--overlap-hours", "0")
        assert keys.find_key(secret) is None

    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            (["nonsense"], "there is no key of the id “nonsense”"),
            (["6f2d7a52-5a0e-4a55-9a55-0f3f6f1c2b11"], "there is no key of the id"),
            (["KEY", "--overlap-hours", "-1"], "--overlap-hours must be"),
            (["KEY", "--overlap-hours", "99999999999999"], "--overlap-hours must be"),
            (["REVOKED"], "revoked"),
        ],
    )
    def test_what_cannot_be_done_is_one_line(self, arguments, why):
        project = world.project()
        key, revoked = (keys.create_key(project, name="x", scopes=["read"], actor="test")[0] for _ in range(2))
        keys.revoke_key(revoked, actor="test")
        names = {"KEY": str(key.uid), "REVOKED": str(revoked.uid)}
        with pytest.raises(CommandError, match=why):
            run("rotate_api_key", *(names.get(word, word) for word in arguments))
        assert ApiKey.objects.count() == 2


@pytest.mark.parametrize("command", ["import_pairs", "project", "create_api_key", "rotate_api_key"])
def test_help_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as leaving:
        call_command(command, "--help")
    assert leaving.value.code == 0
    assert len(capsys.readouterr().out.splitlines()) > 15


def test_an_error_is_one_line_on_standard_error(tmp_path):
    command = [sys.executable, ROOT / "manage.py", "import_pairs", tmp_path / "missing.jsonl", "--project", "p"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == f"CommandError: {tmp_path / 'missing.jsonl'}: No such file or directory\n"


@pytest.mark.django_db(transaction=True)
def test_a_command_whose_output_nobody_reads_ends_quietly(native):
    command = [sys.executable, ROOT / "manage.py", "import_pairs", native, "--project", "p", "--create"]
    environment = {**os.environ, **test_database_environment()}
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert done.stderr == f"{native}:2: /prompt: must be a string or a list of messages\n"
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "the following arguments are required: FILE, --project"),
        (["x.jsonl", "--project", "p", "--format", "xml"], "argument --format: invalid choice: 'xml'"),
        (["x.jsonl", "--project", "p", "--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_wrong_use_is_one_line_on_standard_error(arguments, why):
    command = [sys.executable, ROOT / "manage.py", "import_pairs", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"manage.py import_pairs: {why}")


@pytest.mark.django_db
class TestAnnotators:
    def test_it_lists_them_and_sets_their_tags(self):
        project = world.project("p", comparisons=1)
        world.judge_next(world.annotator(project, "alice"))
        queue.annotator_for_program(project, "critic\x1b[2J")
        out, errors, code = run("annotators", "--project", "p", "--tags", "alice=French, law", "--tags", "api:a=b=x")
        assert (errors, code) == ([], 0)
        assert out == ["alice: french, law; 1 judged", "api:a=b: x; 0 judged", "api:critic\\x1b[2J: no tags; 0 judged"]
        assert run("annotators", "--project", "p", "--tags", "alice=")[0][0] == "alice: no tags; 1 judged"

    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            (["--project", "nowhere"], "there is no project “nowhere”"),
            (["--project", "p", "--tags", "alice"], "must be NAME=TAG"),
            (["--project", "p", "--tags", "nobody=law"], "there is nobody “nobody”"),
            (["--project", "p", "--tags", f"api:a={'x' * 51}"], "is no tag"),
        ],
    )
    def test_what_cannot_be_done_is_one_line(self, arguments, why):
        world.project("p")
        with pytest.raises(CommandError, match=why) as caught:
            run("annotators", *arguments)
        assert "\n" not in str(caught.value)
