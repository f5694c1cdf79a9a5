"""manage.py run_critic, as an operator calls it, and the runs as the admin shows them."""

from __future__ import annotations

from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from redis import Redis

from annotation.critic import runs
from annotation.critic.runs import Order
from annotation.models import CriticRun, Event, Feedback, Judgment
from tests import world
from tests.annotation.admin.scenery import browse, list_path, page_path
from tests.annotation.critic.endpoint import prefers, serving

pytestmark = pytest.mark.django_db
SAMPLE = settings.BASE_DIR / "docs" / "principles.txt"


def call(model, *options, **terms):
    output = StringIO()
    defaults = ["--project", "summaries", "--endpoint", model.url, "--model", "judge", "--principles", str(SAMPLE)]
    call_command("run_critic", *defaults, *options, stdout=output, stderr=output, **terms)
    return output.getvalue()


def test_it_works_here_and_says_what_came_of_it():
    world.project(comparisons=3)
    with serving(prefers("Taken in.")) as model:
        parameters = ("temperature=0.5", "max_tokens=null", 'response_format={"type": "json_object"}')
        given = [part for parameter in parameters for part in ("--parameter", parameter)]
        told = call(model, "--here", "--price-in", "1", "--price-out", "5", *given)
    assert told.splitlines()[-1] == (
        "done: judged 3 (0 ties since the orders disagreed), skipped 0, too late 0; 6 requests, 0 of them again; "
        "600 tokens read, 120 written; cost 0.0012"
    )
    sent = {name: model.asked[0].body.get(name) for name in ("temperature", "max_tokens", "response_format")}
    assert sent == {"temperature": 0.5, "max_tokens": None, "response_format": {"type": "json_object"}}
    assert "max_tokens" not in model.asked[0].body
    principle = Feedback.objects.first().body["principle"]
    assert principle.startswith("Prefer the response that is true.")
    assert principle in SAMPLE.read_text()


def test_without_a_terminal_lines_say_how_far_it_is(monkeypatch):
    monkeypatch.setattr("annotation.management.commands.run_critic.TOLD_SECONDS", 0)
    monkeypatch.setattr("sys.stderr", StringIO())
    world.project(comparisons=2)
    with serving(prefers("Taken in.")) as model:
        told = call(model, "--here", "--name", "critic").splitlines()
    assert told[0] == "critic is ordered to judge 2 comparisons, here"
    assert told[1] == "running: 0 of 2 comparisons"
    assert "running: 2 of 2 comparisons" in told


@pytest.mark.django_db(transaction=True)
def test_a_worker_of_the_queue_of_critics_is_told():
    world.project(comparisons=1)
    with Redis.from_url(settings.REDIS_URL) as broker, serving(prefers("Taken in.")) as model:
        broker.flushdb()
        told = call(model, "--detach")
        assert (broker.llen("critics"), broker.llen("celery"), broker.llen("builds")) == (1, 0, 0)
        broker.flushdb()
    run = CriticRun.objects.get()
    assert told.strip() == str(run.uid)
    assert (run.state, run.name, run.created_by) == ("queued", "judge", "command:run_critic")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--project", "none"], "there is no project “none”"),
        (["--endpoint", "models.example"], "must begin with"),
        (["--principles", "none.txt"], "none.txt: No such file"),
        (["--principles", "/dev/null"], "/dev/null: holds no principle"),
        (["--parameter", "temperature"], "must be KEY=JSON"),
        (["--parameter", "temperature=hot"], "must be KEY=JSON"),
        (["--parameter", "n=2"], "the parameter n cannot be chosen"),
        (["--limit", "0"], "most must be from 1"),
        (["--price-in", "much"], "invalid _price value"),
        (["--price-in", "nan"], "invalid _price value"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(options, says):
    world.project(comparisons=1)
    with serving(prefers("Taken in.")) as model, pytest.raises(CommandError) as caught:
        call(model, *options)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_run_that_failed_fails_the_command(monkeypatch):
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    world.project(comparisons=1)
    with serving(prefers("Taken in.")) as model, pytest.raises(CommandError, match="NO_SUCH_KEY"):
        call(model, "--here", "--key-from", "NO_SUCH_KEY")


def test_ctrl_c_ends_what_is_done_here(monkeypatch):
    project = world.project(comparisons=3)

    def interrupt(_run, *_):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "beat", interrupt)
    with serving(prefers("Taken in.")) as model:
        told = call(model, "--here")
    assert told.splitlines()[-1].startswith("stopped: judged 0")
    assert not project.annotators.filter(assignments__state="leased").exists()


def test_the_admin_shows_a_run_and_stops_it():
    project = world.project(comparisons=1)
    order = Order("https://models.example/v1", "judge", name="<b>judge</b>", principles=["Be <i>kind</i>."])
    run = runs.request(project, order, actor="test")
    lena, eve = browse(world.lead("lena", project)), browse(world.lead("eve", world.project("poems")))
    assert "&lt;b&gt;judge&lt;/b&gt;" in lena.get(list_path("annotation_criticrun")).content.decode()
    page = lena.get(page_path(run)).content.decode()
    assert "Be &lt;i&gt;kind&lt;/i&gt;." in page
    assert "https://models.example/v1" in page
    assert lena.get(list_path("annotation_criticrun").rstrip("/") + "/add/").status_code == 403
    stop = page_path(run, "stop")
    assert run.name not in eve.get(list_path("annotation_criticrun")).content.decode()
    assert eve.post(stop, {"_form_submitted": "on"}).status_code in (302, 403, 404)
    run.refresh_from_db()
    assert run.state == "queued"
    lena.post(stop, {"_form_submitted": "on"})
    run.refresh_from_db()
    assert run.state == "stopped"
    assert Event.objects.order_by("-pk").values_list("kind", "actor").first() == ("critic.stopped", "user:lena")
    assert not Judgment.objects.exists()
