"""What the page of a row shows around its fields: the way of the data, texts, figures, tables of what belongs to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from annotation.admin.texts import Block


@dataclass(frozen=True)
class Step:
    """One station on the way of the data; the one without an address is where we are."""

    label: str
    text: str
    url: str = ""


@dataclass(frozen=True)
class Figure:
    """A number with its name and, when there is one, the list that it counts."""

    label: str
    value: str
    url: str = ""


@dataclass(frozen=True)
class Text:
    """A prompt or an output in full, as plain text."""

    title: str
    blocks: Sequence[Block]
    note: str = ""
    url: str = ""


@dataclass(frozen=True)
class Table:
    """Rows that belong to the shown one; `url` leads to all of them when these are only some."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[Any]]
    empty: str = "None yet."
    url: str = ""

    @property
    def table(self) -> dict[str, Any]:
        """In the form that the theme's table takes."""
        return {"headers": self.headers, "rows": self.rows}


@dataclass(frozen=True)
class Page:
    """`texts` stand side by side, `tables` below the fields, `first` above them.

    A page that `is_moving` is fetched again and again.
    """

    steps: Sequence[Step] = ()
    lead: Text | None = None
    texts: Sequence[Text] = ()
    figures: Sequence[Figure] = ()
    first: Table | None = None
    tables: Sequence[Table] = ()
    is_moving: bool = False


def fields(*names: Any) -> tuple[tuple[None, dict[str, Any]], ...]:
    """One fieldset without a name, as the admin wants it."""
    return ((None, {"fields": names}),)


def row_url(row: Model) -> str:
    """The admin's page of a row."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def list_url(model: type[Model] | str, **parameters: Any) -> str:
    """The admin's list of a model (or of `app_model`), filtered."""
    name = model if isinstance(model, str) else f"{model._meta.app_label}_{model._meta.model_name}"
    return reverse(f"admin:{name}_changelist") + (f"?{urlencode(parameters)}" if parameters else "")


def link(row: Model | None, text: Any = None) -> SafeString | str:
    """A link to the page of a row, its text isolated from what stands around it."""
    if row is None:
        return "—"
    return format_html('<a class="pf-link" href="{}"><bdi>{}</bdi></a>', row_url(row), row if text is None else text)
