"""Browser keys: feedback of end users from the key's own origins, nothing else, and CORS for just that."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.core.cache import cache
from django.test import Client
from playwright.sync_api import Browser

from annotation import keys
from annotation.models import Feedback, Judgment, Retraction
from tests import world
from tests.annotation.intake.records import inference, preference, rating, retraction
from tests.api import Caller, pointers, problem

pytestmark = pytest.mark.django_db

SHOP, OTHER = "https://shop.example.org", "https://other.example.org"
FEEDBACK = "/api/v1/projects/summaries/feedback/"


@pytest.fixture
def project(db):
    cache.clear()
    made = world.project()
    Caller(made, "ingest")("POST", "inferences/", inference())
    return made


def browser_caller(project, *origins):
    return Caller(project, kind="browser", origins=origins or [SHOP])


@pytest.fixture
def page(project):
    """A page of SHOP, and its key."""
    return browser_caller(project)


def send(page, record, *, origin=SHOP, **extra):
    return page("POST", "feedback/", record, headers={"Origin": origin} if origin else {}, **extra)


class TestSending:
    def test_feedback_of_an_end_user_is_taken(self, page):
        answer = send(page, preference())
        assert answer.status_code == 201, answer.content
        assert send(page, preference()).status_code == 200
        assert Judgment.objects.get().source_type == "end_user"

    @pytest.mark.parametrize("source", ["human", "reward_model", "ai_critic", "heuristic"])
    def test_another_source_is_refused(self, page, source):
        record = preference(source={"type": source, "id": "u1"})
        assert pointers(send(page, record)) == ["/source/type"]
        assert not Feedback.objects.exists()

    @pytest.mark.parametrize(
        "origin",
        [None, "", "null", OTHER, SHOP + "/", SHOP + ":443", SHOP + ".evil.example", "http://shop.example.org",
         "https://SHOP.example.org", f"{SHOP} {OTHER}", "https://shop.example.org@evil.example"],
    )  # fmt: skip
    def test_a_page_of_another_origin_is_403(self, page, project, origin):
        browser_caller(project, OTHER)
        problem(send(page, preference(), origin=origin), 403)
        assert not Feedback.objects.exists()

    def test_it_comes_one_record_at_a_time(self, page):
        assert pointers(send(page, [preference()])) == [""]
        problem(send(page, json.dumps(preference()).encode(), content_type="application/x-ndjson"), 415)
        problem(send(page, preference(rationale="x" * 1024 * 1024)), 413)
        assert not Feedback.objects.exists()

    def test_another_projects_page_is_404(self, page):
        world.project("poems")
        problem(page("POST", "/api/v1/projects/poems/feedback/", preference(), headers={"Origin": SHOP}), 404)

    def test_calls_over_the_limit_are_429(self, project):
        page = Caller(project, kind="browser", origins=[SHOP], rate_limit=1)
        assert send(page, preference()).status_code == 201
        answer = send(page, preference())
        problem(answer, 429)
        assert answer["Access-Control-Allow-Origin"] == SHOP
        assert "retry-after" in answer["Access-Control-Expose-Headers"]


class TestTakingBack:
    def test_a_page_takes_back_what_a_page_sent(self, page):
        send(page, rating())
        assert send(page, retraction("f2", "f1")).status_code == 201
        assert send(page, retraction("f2", "f1")).status_code == 200
        assert Retraction.objects.get().target.feedback_id == "f1"

    def test_a_rotated_key_takes_back_what_came_by_the_one_before(self, page, project):
        send(page, rating())
        page.key, secret = keys.rotate_key(page.key, actor="test")
        page.client = Client(headers={"Authorization": f"Bearer {secret}"})
        assert send(page, retraction("f2", "f1")).status_code == 201

    def test_what_a_server_sent_stays_and_what_is_not_there_gives_the_same_answer(self, page, project):
        Caller(project, "ingest")("POST", "feedback/", rating())
        there, nowhere = send(page, retraction("f2", "f1")), send(page, retraction("f2", "f9"))
        assert pointers(there) == ["/retracts"]
        assert there.content == nowhere.content
        assert not Retraction.objects.exists()
        assert Feedback.objects.count() == 1

    def test_another_users_stays(self, page):
        send(page, rating())
        assert pointers(send(page, retraction("f2", "f1", source={"type": "end_user", "id": "u2"}))) == ["/source"]
        assert not Retraction.objects.exists()


def preflight(origin, path=FEEDBACK, **headers):
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"} | headers
    return Client().options(path, headers={name: value for name, value in asked.items() if value})


def cors(answer):
    return {name: value for name, value in answer.headers.items() if name.lower().startswith("access-control")}


class TestCors:
    def test_a_preflight_from_a_listed_origin_is_let_through(self, page):
        answer = preflight(SHOP, **{"Access-Control-Request-Headers": "authorization,content-type"})
        assert answer.status_code == 200
        assert answer.content == b""
        assert {name.lower(): value for name, value in cors(answer).items()} == {
            "access-control-allow-origin": SHOP, "access-control-allow-methods": "POST",
            "access-control-allow-headers": "authorization, content-type", "access-control-max-age": "600",
            "access-control-expose-headers": "retry-after",
        }  # fmt: skip
        assert "origin" in answer["Vary"].lower()

    @pytest.mark.parametrize("origin", [OTHER, "null", "*", SHOP + "/", "https://shop.example.orgx", "\x00"])
    def test_from_any_other_it_is_not(self, page, origin):
        assert cors(preflight(origin)) == {}

    def test_neither_when_the_key_has_ended(self, page):
        keys.revoke_key(page.key, actor="test")
        assert cors(preflight(SHOP)) == {}

    def test_another_projects_key_opens_nothing_here(self, page):
        world.project("poems")
        for slug in ("poems", "nowhere"):
            assert cors(preflight(SHOP, f"/api/v1/projects/{slug}/feedback/")) == {}

    def test_failures_can_be_read_by_the_page_too(self, page, project):
        refused = send(page, preference(source={"type": "human"}))
        nobody = Client().post(FEEDBACK, b"{}", content_type="application/json", headers={"Origin": SHOP})
        for answer, status in ((refused, 422), (nobody, 401)):
            problem(answer, status)
            assert answer["Access-Control-Allow-Origin"] == SHOP
            assert "Access-Control-Allow-Credentials" not in answer

    @pytest.mark.parametrize("path", ["", "inferences/", "judgments/", "events/", "snapshots/", "feedback"])
    def test_nothing_else_has_cors_headers(self, page, project, path):
        url = f"/api/v1/projects/summaries/{path}"
        assert cors(preflight(SHOP, url)) == {}
        assert cors(Caller(project, "manage")("GET", path, headers={"Origin": SHOP})) == {}

    def test_the_pages_of_the_site_have_none(self, page):
        for path in ("/", "/accounts/login/", "/admin/", "/api/schema/", "/healthz"):
            assert cors(Client(headers={"Origin": SHOP}).get(path)) == {}


class Shop(BaseHTTPRequestHandler):
    """An empty page of another site."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()

    def log_message(self, *args):
        pass


@contextmanager
def other_site():
    """The origin of a site on this machine, which a browser lets call another one here."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


FETCH = """async ([url, secret, method, body]) => {
    try {
        const headers = {"Authorization": "Bearer " + secret, "Content-Type": "application/json"};
        return (await fetch(url, {method, headers, body: body && JSON.stringify(body)})).status;
    } catch (error) { return String(error); }
}"""


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_real_page_sends_feedback_and_reads_nothing_and_another_site_does_neither(served: str, browser: Browser):
    project = world.project()
    Caller(project, "ingest")("POST", "inferences/", inference())
    tab = browser.new_page()
    with other_site() as home, other_site() as elsewhere:
        secret = browser_caller(project, home).secret
        answers = {}
        for origin in (home, elsewhere):
            tab.goto(f"{origin}/")
            calls = (("POST", "feedback/", preference()), ("GET", "judgments/", None))
            answers[origin] = [
                tab.evaluate(FETCH, [f"{served}/api/v1/projects/summaries/{path}", secret, method, body])
                for method, path, body in calls
            ]
        tab.close()
    refused = "TypeError: Failed to fetch"
    assert answers == {home: [201, refused], elsewhere: [refused, refused]}
    assert Feedback.objects.count() == 1
