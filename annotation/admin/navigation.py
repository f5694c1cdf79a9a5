"""The admin's sidebar, in the order of the way of the data, and the questions over a list as tabs."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from annotation.admin.filters import QuestionFilter

# Groups of (title, icon, app_model). Lists that the signed-in person may not see are left out.
GROUPS: list[tuple[str, list[tuple[str, str, str]]]] = [
    (
        "Projects",
        [
            ("Projects", "folder_open", "annotation_project"),
            ("Members", "group", "annotation_member"),
            ("Guidelines", "menu_book", "annotation_guidelineversion"),
        ],
    ),
    (
        "Collected",
        [
            ("Prompts", "chat_bubble", "annotation_prompt"),
            ("Candidates", "format_list_bulleted", "annotation_candidate"),
        ],
    ),
    (
        "Queue",
        [
            ("Comparisons", "compare_arrows", "annotation_comparison"),
            ("Leases", "hourglass_top", "annotation_assignment"),
            ("Flags", "flag", "annotation_flag"),
            ("Annotators", "badge", "annotation_annotator"),
            ("AI critics", "smart_toy", "annotation_criticrun"),
        ],
    ),
    (
        "Judged",
        [
            ("Judgments", "gavel", "annotation_judgment"),
            ("Feedback", "inbox", "annotation_feedback"),
            ("Retractions", "undo", "annotation_retraction"),
            ("Events", "receipt_long", "annotation_event"),
        ],
    ),
    (
        "Datasets",
        [
            ("Snapshots", "inventory_2", "exports_snapshot"),
            ("Parts of builds", "splitscreen", "exports_snapshotshard"),
            ("Recipes", "list_alt", "exports_recipe"),
            ("Schedules", "schedule", "exports_schedule"),
            ("Retention", "auto_delete", "exports_retention"),
            ("Webhooks", "webhook", "exports_webhook"),
            ("Messages", "outgoing_mail", "exports_delivery"),
        ],
    ),
    (
        "Access",
        [
            ("API keys", "key", "annotation_apikey"),
            ("Users", "person", "auth_user"),
            ("Groups", "groups", "auth_group"),
        ],
    ),
]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups of the sidebar for the signed-in person."""
    viewable = {
        f"{model._meta.app_label}_{model._meta.model_name}"
        for model, model_admin in admin.site._registry.items()
        if model_admin.has_view_permission(request)
    }
    start = {"title": "Start", "icon": "home", "link": reverse("admin:index")}
    groups = [
        {
            "title": title,
            "items": [
                {"title": name, "icon": icon, "link": reverse(f"admin:{model}_changelist")}
                for name, icon, model in items
                if model in viewable
            ],
        }
        for title, items in GROUPS
    ]
    return [{"items": [start]}, *(group for group in groups if group["items"])]


def tabs(request: HttpRequest) -> list[dict[str, Any]]:
    """The questions of the list that is looked at, each a link that keeps what else the list is filtered by."""
    name = request.resolver_match.url_name if request.resolver_match else ""
    for model, model_admin in admin.site._registry.items():
        if name == f"{model._meta.app_label}_{model._meta.model_name}_changelist":
            questions = _questions(model_admin)
            return [{"models": [str(model._meta)], "items": _links(request, questions)}] if questions else []
    return []


def _questions(model_admin: admin.ModelAdmin[Any]) -> type[QuestionFilter] | None:
    for item in model_admin.list_filter:
        if isinstance(item, type) and issubclass(item, QuestionFilter):
            return item
    return None


def _links(request: HttpRequest, questions: type[QuestionFilter]) -> list[dict[str, Any]]:
    shown = request.GET.get(questions.parameter_name, "")
    labels = {"": "All"} | {key: question.label for key, question in questions.questions.items()}
    return [{"title": label, "link": _link(request, key), "active": key == shown} for key, label in labels.items()]


def _link(request: HttpRequest, key: str) -> str:
    query = request.GET.copy()
    for name in ("p", "e", QuestionFilter.parameter_name):
        query.pop(name, None)
    if key:
        query[QuestionFilter.parameter_name] = key
    return f"{request.path}?{query.urlencode()}"
