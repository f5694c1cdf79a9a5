"""Pages of big tables: one look finds the ids of the first rows, so a list costs the same however long it is."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

ROWS_REACHED = 2_000


class BoundedPaginator(Paginator):
    """Pages of the first ROWS_REACHED rows. What lies beyond is reached by a filter or a search, not by page number.

    The rows are looked for once, by id: counting them and cutting the page out would search a filtered list twice.
    """

    template_name = "admin/annotation/pagination.html"
    object_list: QuerySet[Any]

    @cached_property
    def count(self) -> int:
        return min(len(self._ids), ROWS_REACHED)

    @property
    def more(self) -> bool:
        """Whether there are more rows than can be reached."""
        return len(self._ids) > ROWS_REACHED

    def page(self, number: int | str) -> Page:
        number = self.validate_number(number)
        start = (number - 1) * self.per_page
        ids = self._ids[start : min(start + self.per_page, self.count)]
        return Page(self.object_list.filter(pk__in=ids), number, self)

    @cached_property
    def _ids(self) -> list[int]:
        return list(self.object_list.values_list("pk", flat=True)[: ROWS_REACHED + 1])
