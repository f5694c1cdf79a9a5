"""Prompts and outputs as logged (a string, or messages with parts and tool calls) → safe HTML."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from annotation.canonical import as_messages
from annotation.rendering.markdown import clean, render_code, render_markdown, unloaded_image

# Pictures without markup of their own; anything else is named, not loaded.
INLINE_IMAGE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+")
MAX_IMAGE = 8_000_000  # characters
FOLDED_ROLES = {"system", "developer"}


def render_prompt(content: Any) -> SafeString:
    """A prompt: each message under its role; what the system says is folded."""
    messages = _messages(content, "user")
    return format_html_join("", "{}", ((_turn(message),) for message in messages))


def render_output(content: Any) -> SafeString:
    """An output: a single answer as it is, several messages each under its role."""
    messages = _messages(content, "assistant")
    if len(messages) == 1 and messages[0].get("role") == "assistant":
        return _body(messages[0])
    return format_html_join("", "{}", ((_turn(message),) for message in messages))


def render_tools(tools: list[Any]) -> SafeString:
    """The tools that the model was offered, folded; empty when there were none."""
    if not tools:
        return SafeString("")
    return _fold(f"Tools offered ({len(tools)})", _json(tools))


def _messages(content: Any, role: str) -> list[dict[str, Any]]:
    if not isinstance(content, str | list):
        content = [content]
    # What is no message is shown as the JSON it is.
    return [
        message if isinstance(message, dict) else {"role": role, "content": [message]}
        for message in as_messages(content, role=role)
    ]


def _turn(message: dict[str, Any]) -> SafeString:
    role = str(message.get("role") or "unknown")
    label = f"{role} · {message['name']}" if message.get("name") else role
    if role in FOLDED_ROLES:
        return _fold(label, _body(message))
    return format_html('<section class="turn"><h3 class="role">{}</h3>{}</section>', clean_label(label), _body(message))


def _fold(label: str, body: SafeString) -> SafeString:
    template = '<details class="turn"><summary class="role">{}</summary>{}</details>'
    return format_html(template, clean_label(label), body)


def clean_label(label: str) -> SafeString:
    """A short text from outside as one line of safe HTML."""
    return _clean(label[:200])


@lru_cache
def _clean(label: str) -> SafeString:
    return clean(format_html("{}", label))


def _body(message: dict[str, Any]) -> SafeString:
    content = message.get("content")
    calls = message.get("tool_calls") or []
    pieces = [_part(part, message) for part in (content if isinstance(content, list) else [content])]
    if content is None and calls:
        pieces = []
    pieces += [_call(call) for call in (calls if isinstance(calls, list) else [calls])]
    return format_html_join("", "{}", ((piece,) for piece in pieces))


def _part(part: Any, message: dict[str, Any]) -> SafeString:
    if part is None:
        return render_markdown("")
    if isinstance(part, str):
        return _tool_result(part) if message.get("role") == "tool" else render_markdown(part)
    if isinstance(part, dict) and isinstance(part.get("text"), str):
        return render_markdown(part["text"])
    if isinstance(part, dict) and "image_url" in part:
        source = part["image_url"]
        return _picture(str(source.get("url") if isinstance(source, dict) else source))
    return _json(part)


def _picture(url: str) -> SafeString:
    if len(url) <= MAX_IMAGE and INLINE_IMAGE.fullmatch(url):
        return format_html('<p><img class="picture" src="{}" alt="Image"></p>', url)
    shown = url if len(url) <= 500 else f"{url[:500]}…"
    return clean(f"<p>{unloaded_image('', shown)}</p>")


def _tool_result(text: str) -> SafeString:
    try:
        return _json(json.loads(text))
    except (ValueError, RecursionError):
        return render_code(text)


def _call(call: Any) -> SafeString:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        return _json(call)
    arguments = function.get("arguments")
    shown = _tool_result(arguments) if isinstance(arguments, str) else _json(arguments)
    return format_html('<div class="call"><h4>Calls {}</h4>{}</div>', clean_label(str(function.get("name"))), shown)


def _json(value: Any) -> SafeString:
    return render_code(json.dumps(value, ensure_ascii=False, indent=2), "json")
