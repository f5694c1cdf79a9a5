"""What the database keeps of a content: whether it shows images, and whether it says anything at all."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotation import erasure
from annotation.models import Candidate, Project, Prompt
from tests import world
from tests.exports.dataset import log_inference

pytestmark = pytest.mark.django_db

OF_ALL_SCRIPTS = (0x85, 0xA0, 0x1680, *range(0x2000, 0x200C), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0xFEFF)
SPACES = " \t\n\r\f\x0b" + "".join(map(chr, OF_ALL_SCRIPTS))
TEXTS = st.text(st.sampled_from([*SPACES, "a", "]", "\\", '"', "é", "字"]), max_size=4)
PARTS = st.lists(
    st.one_of(
        st.builds(lambda text: {"type": "text", "text": text}, TEXTS),
        st.just({"type": "image_url", "image_url": {"url": "data:,"}}),
    ),
    min_size=1,
    max_size=3,
)
CALLS = st.sampled_from([None, [], [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]])
MESSAGES = st.lists(
    st.one_of(
        st.builds(lambda content: {"role": "user", "content": content}, st.one_of(TEXTS, PARTS)),
        st.builds(
            lambda content, calls: {"role": "assistant", "content": content, "tool_calls": calls},
            st.none() | TEXTS,
            CALLS,
        ),
    ),
    min_size=1,
    max_size=3,
)
Content = str | list[dict[str, Any]]


@pytest.fixture
def project(db: None) -> Project:
    return world.project()


def parts_of(content: Content) -> list[dict[str, Any]]:
    """All parts of a content; a text that stands alone is one."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    parts = []
    for message in content:
        said = message["content"]
        parts += said if isinstance(said, list) else [{"type": "text", "text": said or ""}]
    return parts


def calls_a_tool(content: Content) -> bool:
    return not isinstance(content, str) and any(message.get("tool_calls") for message in content)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=TEXTS | MESSAGES)
def test_they_say_what_a_reader_would(project: Project, content: Content) -> None:
    parts = parts_of(content)
    shows = any(part["type"] != "text" for part in parts)
    says = any(part.get("text", "").strip(SPACES) for part in parts) or calls_a_tool(content)
    prompt = Prompt.objects.create(
        project=project, event_id=1, request_id=f"r{Prompt.objects.count()}", content=content
    )
    output = Candidate.objects.create(
        project=project, prompt=prompt, output_id=prompt.request_id, index=0, content=content, model_name="aurora"
    )
    assert (prompt.images, output.images, output.blank) == (shows, shows, not says)


def test_an_erased_content_shows_nothing_and_says_nothing(project: Project) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:,"}}
    log_inference(
        project, "r1", "One.", "Two.", prompt=[{"role": "user", "content": [image]}], metadata={"user_id": "u"}
    )
    assert Prompt.objects.get().images
    erasure.erase(project, "u", actor="test")
    assert not Prompt.objects.get().images
    assert set(Candidate.objects.values_list("images", "blank")) == {(False, True)}
