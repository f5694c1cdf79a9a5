"""Whose rows the admin shows: a superuser sees all, a lead those of the projects they lead, nobody else any.

The rights follow from who leads what; Django's own model permissions need not be granted by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any
from weakref import WeakKeyDictionary

from django.contrib.admin import ShowFacets
from django.db.models import ForeignKey, QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

from annotation import access
from annotation.admin.page import Page
from annotation.admin.paging import BoundedPaginator
from annotation.admin.searching import find
from annotation.models import Project

_led: WeakKeyDictionary[HttpRequest, list[int]] = WeakKeyDictionary()


def led_projects(request: HttpRequest) -> list[int]:
    """The ids of the projects that the signed-in person leads, looked up once a request."""
    if request not in _led:
        _led[request] = list(access.led_projects(request.user).order_by().values_list("pk", flat=True))
    return _led[request]


def forget_led_projects(request: HttpRequest) -> None:
    """Look them up again: the request has just changed who leads what."""
    _led.pop(request, None)


def is_superuser(request: HttpRequest) -> bool:
    return bool(request.user.is_active and getattr(request.user, "is_superuser", False))


def may_work(request: HttpRequest) -> bool:
    """Whether the signed-in person has anything to do with the admin's rows."""
    return is_superuser(request) or bool(led_projects(request))


def actor(request: HttpRequest) -> str:
    """The signed-in person as the log names them."""
    return f"user:{request.user.get_username()}"


class RowsChangeList(ChangeList):
    """A change list that takes its page from the paginator, however short the list, and completes its rows."""

    def get_queryset(self, request: HttpRequest, exclude_parameters: list[str | None] | None = None) -> QuerySet[Any]:
        rows: QuerySet[Any] = self.model_admin.narrow(super().get_queryset(request, exclude_parameters))
        return rows

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = self.model_admin.complete(list(self.paginator.get_page(self.page_num)))
        self.full_result_count = self.result_count


class LeadAdmin(ModelAdmin):
    """Rows that belong to a project, shown to its leads and changed by nobody.

    `project_path` leads from a row to its project. A list takes a fixed number of queries however long it is: what a
    page of rows needs beside the rows comes by `list_select_related`, `narrow` and `complete`.
    """

    project_path = "project"
    empty_text = "Nothing here yet."
    paginator = BoundedPaginator
    list_per_page = 50
    list_max_show_all = 0
    list_disable_select_all = True
    list_filter_submit = True
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    ordering: Sequence[str] = ("-pk",)
    sortable_by: Sequence[str] | None = ()
    search_help_text = "Beginning of an id"
    view_on_site = False
    change_form_outer_before_template = "admin/annotation/page_top.html"
    change_form_outer_after_template = "admin/annotation/page_bottom.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        if is_superuser(request):
            return rows
        return rows.filter(**{f"{self.project_path}__in": led_projects(request)})

    def project_of(self, row: Any) -> Project | None:
        """The project that a row belongs to; None for what belongs to the whole instance."""
        project: Project | None = reduce(getattr, self.project_path.split("__"), row)
        return project

    def narrow(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """What a list reads of its rows: leave out big columns, add what is shown beside them."""
        return rows

    def complete(self, rows: list[Any]) -> list[Any]:
        """Adds to the rows of one page what a query for all of them together can tell."""
        return rows

    def page(self, request: HttpRequest, row: Any) -> Page:
        """What the page of a row shows around its fields."""
        return Page()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return RowsChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        projects = None if is_superuser(request) else led_projects(request)
        return queryset.filter(find(self.model, self.get_search_fields(request), term, projects)), False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_work(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if isinstance(obj, str):  # the theme hands the id of a row to its actions
            return self.get_object(request, obj) is not None
        if obj is None or is_superuser(request):
            return may_work(request)
        project = self.project_of(obj)
        return project is not None and project.pk in led_projects(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        if db_field.related_model is Project:
            kwargs["queryset"] = access.led_projects(request.user)
        field: ModelChoiceField[Any] | None = super().formfield_for_foreignkey(db_field, request, **kwargs)
        return field

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], add: bool, change: bool, form_url: str, obj: Any
    ) -> HttpResponse:
        page = self.page(request, obj) if obj is not None else Page()
        may_change = obj is None or self.has_change_permission(request, obj)
        context |= {"page": page, "is_fact": not may_change, "show_save_and_add_another": False}
        # Django keeps a history of what was changed here alone; that of the facts is the log.
        context |= {"show_history": may_change, "show_save_and_continue": may_change and obj is not None}
        response: HttpResponse = super().render_change_form(request, context, add, change, form_url, obj)
        if request.headers.get("HX-Request") and not page.is_moving:
            # What was fetched again and again has come to rest: its fields and buttons are others now.
            response["HX-Refresh"] = "true"
        return response
