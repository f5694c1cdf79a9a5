"""What the database keeps of a content: whether it shows images, and whether it says anything at all."""

from __future__ import annotations

from typing import Any

import orjson
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from annotation.models.prompt import HasImages, IsBlank

SPACES = " \t\n\r\f\x0b\x85\xa0\u1680\u2003\u200b\u2028\u3000\ufeff"
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


def parts_of(content: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All parts of a content; a text that stands alone is one."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    parts = []
    for message in content:
        said = message["content"]
        parts += said if isinstance(said, list) else [{"type": "text", "text": said or ""}]
    return parts


def calls_a_tool(content: str | list[dict[str, Any]]) -> bool:
    return not isinstance(content, str) and any(message.get("tool_calls") for message in content)


def kept(content: object) -> tuple[bool, bool]:
    """What PostgreSQL makes of a content: has images, is blank."""

    has_images, is_blank = (what.template % {"expressions": "content"} for what in (HasImages, IsBlank))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {has_images}, {is_blank} FROM (SELECT %s::jsonb) AS of (content)",
                       [orjson.dumps(content).decode()])  # fmt: skip
        row: tuple[bool, bool] = cursor.fetchone()
        return row


class ContentColumns(TestCase):
    @given(TEXTS | MESSAGES)
    def test_they_say_what_a_reader_would(self, content: str | list[dict[str, Any]]) -> None:
        parts = parts_of(content)
        shows = any(part["type"] != "text" for part in parts)
        says = any(part.get("text", "").strip(SPACES) for part in parts) or calls_a_tool(content)
        assert kept(content) == (shows, not says)
