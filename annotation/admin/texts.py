"""Content as plain text: escaped, isolated from the direction of what stands around it, never rendered."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal

from django.contrib import admin
from django.db.models import F, Func, Model, TextField
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from annotation import canonical
from annotation.models import Candidate, Project, Prompt

EXCERPT_LENGTH = 140

Kind = Literal["plain", "good", "busy", "warning", "bad"]


@dataclass(frozen=True)
class Block:
    """One message: who says what."""

    role: str
    text: str


class Excerpt(Func):
    """The beginning of a logged content, cut by the database: of the string, or of the last message's text."""

    template = (
        "left(coalesce(%(expressions)s #>> '{-1,content,0,text}', %(expressions)s #>> '{-1,content}', "
        f"%(expressions)s #>> '{{}}'), {EXCERPT_LENGTH})"
    )
    output_field = TextField()

    def __init__(self, column: str) -> None:
        super().__init__(F(column))


def excerpt(text: str | None) -> SafeString:
    """One line of a text for a list."""
    line = " ".join((text or "").split())
    dots = "…" if text and len(text) >= EXCERPT_LENGTH else ""
    return format_html('<bdi class="pf-excerpt">{}{}</bdi>', line or "(empty)", dots)


def gist(path: str, row: str, label: str) -> Callable[[Any], SafeString]:
    """A column: one line of the text at a path, or that the row (at a path of its own, "" for this one) was erased."""

    @admin.display(description=label)
    def column(shown: Any) -> SafeString:
        holder = attrgetter(row)(shown) if row else shown
        return badge("Erased", "warning") if holder.erasure_id else excerpt(getattr(shown, path))

    column.__name__ = f"gist_{path}"
    return column


def spoken(row: Prompt | Candidate, *, role: str) -> list[Block]:
    """A prompt's or an output's content as blocks of text, or when it was erased."""
    if row.erasure:
        return [Block("", f"Erased on {timezone.localtime(row.erasure.at):%B %-d, %Y}.")]
    return blocks(row.content, role=role)


def blocks(content: Any, *, role: str) -> list[Block]:
    """A logged content as blocks of text; a string is the one message of that role."""
    return [_block(message) for message in canonical.as_messages(content, role=role)]


def _block(message: Any) -> Block:
    if not isinstance(message, dict):
        return Block("", pretty(message))
    role, content = str(message.get("role", "")), message.get("content")
    parts = [content] if isinstance(content, str) else content if isinstance(content, list) else []
    texts = [part if isinstance(part, str) else _part(part) for part in parts]
    rest = {key: value for key, value in message.items() if key not in {"role", "content"}}
    return Block(role, "\n\n".join([*texts, *([pretty(rest)] if rest else [])]))


def _part(part: Any) -> str:
    is_text = isinstance(part, dict) and part.get("type") == "text"
    return str(part.get("text", "")) if is_text else pretty(part)


def pretty(value: Any) -> str:
    """JSON for reading."""
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True)


def json_text(value: Any) -> SafeString | str:
    """JSON for reading, as the value of a read-only field."""
    return format_html('<pre class="pf-text" dir="auto">{}</pre>', pretty(value)) if value else "—"


def plain_text(value: str) -> SafeString | str:
    """A text as it is, as the value of a read-only field."""
    return format_html('<pre class="pf-text" dir="auto">{}</pre>', value) if value else "—"


def code(value: Any) -> SafeString | str:
    """An id, a digest or a hash in full."""
    return format_html('<code class="pf-code">{}</code>', value) if value else "—"


def short(uid: uuid.UUID) -> SafeString:
    """The first eight digits of an id, by which the search finds it."""
    return format_html('<code class="pf-code" title="{}">{}</code>', uid, str(uid)[:8])


def when(moment: dt.datetime | None) -> SafeString | str:
    """A moment as short as it can be: the year only when it is another one."""
    if moment is None:
        return "—"
    local = timezone.localtime(moment)
    day = f"{local:%b} {local.day}" + ("" if local.year == timezone.localtime().year else f", {local.year}")
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', moment.isoformat(), f"{local:%c %Z}", f"{day}, {local:%H:%M}"
    )


def how_long(milliseconds: int | None) -> str:
    """A duration in seconds, or in minutes when it is long."""
    if milliseconds is None:
        return "—"
    seconds = milliseconds / 1000
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def shown(path: str, how: Callable[[Any], Any], label: str) -> Callable[[Model], Any]:
    """A column or read-only field: the value at a dotted path of a row, shown by `how`."""
    value = attrgetter(path)

    @admin.display(description=label)
    def column(row: Model) -> Any:
        return how(value(row))

    # Not the name of the field itself, whose help text is about the stored value.
    column.__name__ = f"shown_{path.replace('.', '_')}"
    return column


def isolated(text: Any) -> SafeString | str:
    """A short text that somebody else wrote: an id, a name."""
    return format_html("<bdi>{}</bdi>", text) if text else "—"


def versus(a: Candidate, b: Candidate) -> SafeString:
    """The models of two candidates."""
    pair = '<span class="pf-versus"><bdi>{}</bdi> <span class="pf-quiet">or</span> <bdi>{}</bdi></span>'
    return format_html(pair, a.model_label, b.model_label)


def badge(text: str, kind: Kind = "plain") -> SafeString:
    """A state as a word that catches the eye as much as its kind deserves."""
    return format_html('<span class="pf-badge pf-badge-{}">{}</span>', kind, text)


def slug(project: Project | None) -> str:
    """A project in a list, short."""
    return project.slug if project else "—"


PROJECT = shown("project", slug, "project")
