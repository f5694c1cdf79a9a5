"""Filters in the words of a lead's questions. The first of a list stands over it as tabs, too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter, RadioFilter

from annotation import access
from annotation.models import Project

# A drop-down of more would be of no use; the others are reached from the project's page.
PROJECTS_SHOWN = 200


@dataclass(frozen=True)
class Question:
    """One answer of a filter: its name on the page and the rows it means."""

    label: str
    rows: Q


class QuestionFilter(RadioFilter):
    """One of several questions about the rows of a list."""

    title = "question"
    parameter_name = "show"
    questions: ClassVar[Mapping[str, Question]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(key, question.label) for key, question in self.questions.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        question = self.questions.get(self.value() or "")
        return queryset.filter(question.rows) if question else queryset


class ProjectFilter(DropdownFilter):
    """The projects that the signed-in person leads."""

    title = "project"
    parameter_name = "project"

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: type[Model], model_admin: Any) -> None:
        self.path: str = model_admin.project_path
        super().__init__(request, params, model, model_admin)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        projects = access.led_projects(request.user).order_by("name")
        return list(projects.values_list("slug", "name")[:PROJECTS_SHOWN])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        if not self.value():
            return queryset
        # The id itself, so that indexes that begin with the project serve.
        project = Project.objects.filter(slug=self.value()).values_list("pk", flat=True).first()
        return queryset.filter(**{self.path: project}) if project else queryset.none()
