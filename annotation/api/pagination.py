"""Cursor pagination: pages that stay complete while rows are added behind them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, Q, QuerySet
from rest_framework import serializers
from rest_framework.request import Request

from annotation.api.inputs import WholeField
from annotation.api.problems import refused

Row = TypeVar("Row", bound=Model)

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000
MAX_KEY = 2**63 - 1


class LimitParameter(serializers.Serializer[Any]):
    """How many results are wanted at most."""

    limit = WholeField(
        min_value=1, default=DEFAULT_LIMIT, help_text=f"Results on a page; more than {MAX_LIMIT:,} counts as that."
    )

    def validate_limit(self, value: int) -> int:
        return min(value, MAX_LIMIT)


class PageParameters(LimitParameter):
    """The query of every paginated list; filters are added in a subclass."""

    cursor = serializers.CharField(required=False, help_text="Taken from `next` or `previous` of another page.")


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows of a list and the absolute URLs of the pages before and after, None at the ends."""

    rows: list[Row]
    next: str | None
    previous: str | None

    def answer(self, results: Sequence[Any]) -> dict[str, Any]:
        """The body of the answer; `results` are the rows as told to the caller."""
        return {"next": self.next, "previous": self.previous, "results": results}


def paginate(
    request: Request, query: Mapping[str, Any], rows: QuerySet[Row], *, keys: Sequence[str] = ("pk",)
) -> Page[Row]:
    """The page that a query, checked by PageParameters, asks for, in ascending order of the keys.

    `keys` are integer fields of the rows or of their relations that never change; the last one is `pk`. Raises
    Problem 422 for a cursor that is none of this list.
    """
    limit, cursor = query["limit"], query.get("cursor")
    backwards, start = read_cursor(cursor, len(keys)) if cursor else (False, [])
    found = rows.filter(_beyond(keys, start, "lt" if backwards else "gt")) if start else rows
    order = [f"-{key}" for key in keys] if backwards else keys
    # The keys first and alone: with all that a row needs joined in, PostgreSQL would sort the whole list for a page.
    positions = list(found.order_by(*order).values_list(*keys)[: limit + 1])
    more, positions = len(positions) > limit, positions[:limit]
    if backwards:
        positions.reverse()
    has_next = bool(positions) and (more or backwards)
    has_previous = bool(positions) and (more if backwards else bool(start))
    loaded = {row.pk: row for row in rows.filter(pk__in=[position[-1] for position in positions])}
    return Page(
        [loaded[position[-1]] for position in positions if position[-1] in loaded],
        url_with(request, cursor=write_cursor("n", positions[-1])) if has_next else None,
        url_with(request, cursor=write_cursor("p", positions[0])) if has_previous else None,
    )


def url_with(request: Request, **parameters: str | int) -> str:
    """The absolute URL of the request with some of its query's parameters set."""
    query = request.query_params.copy()
    for name, value in parameters.items():
        query[name] = str(value)
    return request.build_absolute_uri(f"?{query.urlencode()}")


def _beyond(keys: Sequence[str], start: Sequence[int], lookup: str) -> Q:
    """Rows after (or before) a position in the lexical order of the keys."""
    beyond = Q()
    for n, key in enumerate(keys):
        same = Q(**dict(zip(keys[:n], start[:n], strict=True)))
        beyond |= same & Q(**{f"{key}__{lookup}": start[n]})
    # The plain range of the first key is what an index can use.
    return Q(**{f"{keys[0]}__{lookup}e": start[0]}) & beyond


def write_cursor(direction: str, position: Sequence[int]) -> str:
    """A place in a list, `n` for what comes after it and `p` for what comes before, as callers hand it back."""
    text = ":".join([direction, *map(str, position)])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str, size: int, *, name: str = "cursor") -> tuple[bool, list[int]]:
    """Whether the cursor goes backwards, and the keys it starts beyond. Problem 422 for what is none."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars="-_", validate=True).decode("ascii")
        direction, *numbers = text.split(":")
        position = [int(number) for number in numbers]
    except (binascii.Error, ValueError):
        raise refused(name, "is no cursor of this list") from None
    if direction not in ("n", "p") or len(position) != size or not all(0 <= n <= MAX_KEY for n in position):
        raise refused(name, "is no cursor of this list")
    return direction == "p", position
