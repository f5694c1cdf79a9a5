"""Cursor pagination: pages that stay complete while rows are added behind them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, Q, QuerySet
from rest_framework.request import Request

from annotation.api.problems import refused

Row = TypeVar("Row", bound=Model)

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000
MAX_KEY = 2**63 - 1
# The parameters that a paginated view takes besides its filters.
PARAMETERS = ("cursor", "limit")


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows of a list and the absolute URLs of the pages before and after, None at the ends."""

    rows: list[Row]
    next: str | None
    previous: str | None

    def answer(self, results: Sequence[Any]) -> dict[str, Any]:
        """The body of the answer; `results` are the rows as told to the caller."""
        return {"next": self.next, "previous": self.previous, "results": results}


def paginate(request: Request, rows: QuerySet[Row], *, keys: Sequence[str] = ("pk",)) -> Page[Row]:
    """The page that `cursor` and `limit` of the query ask for, in ascending order of the keys.

    `keys` are integer fields or annotations that together are unique and never change. Raises Problem 422 for a
    cursor or limit that cannot be read.
    """
    limit = read_limit(request)
    backwards, position = _read_cursor(request, len(keys))
    if position:
        rows = rows.filter(_beyond(keys, position, "lt" if backwards else "gt"))
    order = [f"-{key}" for key in keys] if backwards else keys
    found = list(rows.order_by(*order)[: limit + 1])
    more, found = len(found) > limit, found[:limit]
    if backwards:
        found.reverse()
    has_next = bool(found) and (more or backwards)
    has_previous = bool(found) and (bool(position) if not backwards else more)
    return Page(
        found,
        _url(request, "n", found[-1], keys) if has_next else None,
        _url(request, "p", found[0], keys) if has_previous else None,
    )


def read_limit(request: Request) -> int:
    """The `limit` of the query, capped; Problem 422 when it is no positive whole number."""
    text = request.query_params.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit()) or not text.strip("0"):
        raise refused("limit", "must be a whole number from 1")
    return MAX_LIMIT if len(text) > len(str(MAX_LIMIT)) else min(int(text), MAX_LIMIT)


def _beyond(keys: Sequence[str], position: Sequence[int], lookup: str) -> Q:
    """Rows after (or before) a position in the lexical order of the keys."""
    beyond = Q()
    for n, key in enumerate(keys):
        same = Q(**dict(zip(keys[:n], position[:n], strict=True)))
        beyond |= same & Q(**{f"{key}__{lookup}": position[n]})
    # The plain range of the first key is what an index can use.
    return Q(**{f"{keys[0]}__{lookup}e": position[0]}) & beyond


def _url(request: Request, direction: str, row: Model, keys: Sequence[str]) -> str:
    text = ":".join([direction, *(str(getattr(row, key)) for key in keys)])
    query = request.query_params.copy()
    query["cursor"] = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")


def _read_cursor(request: Request, size: int) -> tuple[bool, list[int]]:
    """Whether the cursor goes backwards, and the keys it starts beyond; no keys without a cursor."""
    cursor = request.query_params.get("cursor")
    if cursor is None:
        return False, []
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars="-_", validate=True).decode("ascii")
        direction, *numbers = text.split(":")
        position = [int(number) for number in numbers]
    except (binascii.Error, ValueError):
        raise refused("cursor", "is no cursor of this list") from None
    if direction not in ("n", "p") or len(position) != size or not all(0 <= n <= MAX_KEY for n in position):
        raise refused("cursor", "is no cursor of this list")
    return direction == "p", position
