"""Prompts, outputs, names and reasons are shown as they are: no markup of theirs becomes part of a page."""

from __future__ import annotations

import pytest
from django.utils import timezone

from annotation import queue
from annotation.intake.inferences import accept_inferences, check_inference
from annotation.models import Assignment, Candidate, Comparison, Flag, Judgment, Prompt
from tests import world
from tests.annotation.admin import scenery
from tests.annotation.admin.scenery import browse, list_path, page_path

pytestmark = pytest.mark.django_db

EVIL = "</pre></script><script>alert(1)</script><img src=x onerror=alert(2)>\u202e"
ESCAPED = "&lt;script&gt;alert(1)&lt;/script&gt;"


def record():
    parts = [{"type": "text", "text": EVIL}, {"type": "image_url", "image_url": {"url": "https://evil.test/x.png"}}]
    return {
        "request_id": f"r{EVIL}",
        "prompt": [{"role": "user", "content": parts}],
        "metadata": {EVIL: EVIL},
        "outputs": [
            {"output_id": f"{k}{EVIL}", "content": EVIL, "model": {"name": EVIL, "version": str(k)}} for k in range(2)
        ],
    }


def log_in(project, *records):
    entries = [check_inference(project, one, now=timezone.now()) for one in records]
    outcomes = accept_inferences(project, entries, actor=f"key:{EVIL}", rule="all_pairs")
    assert {outcome.result for outcome in outcomes} == {"created"}, outcomes


def test_hostile_content_is_escaped_everywhere():
    project = world.project("odd", name=EVIL, guidelines=EVIL)
    log_in(project, record())
    annotator = world.annotator(project, "alice")
    (lease,) = queue.hold(annotator, count=1)
    queue.flag(annotator, lease.uid, reason=EVIL)
    world.judge_next(annotator)
    client = browse(scenery.root())
    rows = [model.objects.get() for model in (Prompt, Comparison, Assignment, Flag, Judgment)]
    paths = [page_path(row) for row in (*rows, project, annotator, Candidate.objects.first())]
    paths += [list_path(name) for name in scenery.names("annotation")]
    for path in ("/admin/", *paths):
        html = client.get(path).content.decode()
        assert "<script>alert" not in html, path
        assert "<img src=x" not in html, path
        assert "evil.test/x.png" not in html.replace("&quot;https://evil.test/x.png&quot;", ""), path
    html = client.get(page_path(rows[0])).content.decode()
    assert f'<pre class="pf-text" dir="auto">&lt;/pre&gt;&lt;/script&gt;{ESCAPED}' in html


def test_contents_of_every_form_are_shown_as_text():
    project = world.project("odd")
    call = {"id": "1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    conversation = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why  is\n\nit so? " * 20}]
    contents = ["", [{"role": "assistant", "content": None, "tool_calls": [call]}]]
    outputs = [{"output_id": f"o{n}", "content": content, "model": {"name": "m"}} for n, content in enumerate(contents)]
    log_in(project, {"request_id": "c", "prompt": conversation, "outputs": outputs}, record())
    client = browse(scenery.root())
    html = client.get(list_path("annotation_prompt")).content.decode()
    assert '<bdi class="pf-excerpt">Why is it so? Why is it so?' in html, "the last message, on one line"
    assert f'<bdi class="pf-excerpt">&lt;/pre&gt;&lt;/script&gt;{ESCAPED}' in html, "the text of the first part"
    assert '<bdi class="pf-excerpt">(empty)' in client.get(list_path("annotation_candidate")).content.decode()
    html = client.get(page_path(Prompt.objects.get(request_id="c"))).content.decode()
    assert ">Be brief.</pre>" in html
    assert "(empty)</pre>" in html
    assert "&quot;name&quot;: &quot;add&quot;" in html
