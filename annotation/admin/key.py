"""API keys: made, shown once, revoked. The hash never leaves the database."""

from __future__ import annotations

from django import forms
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from annotation import keys
from annotation.admin import texts
from annotation.admin.filters import ProjectFilter, Question, QuestionFilter
from annotation.admin.page import fields
from annotation.admin.scope import LeadAdmin, actor, may_work
from annotation.admin.texts import shown
from annotation.models import ApiKey


class KeyForm(forms.ModelForm):
    """What a key is for and what it may do."""

    scopes = forms.MultipleChoiceField(
        choices=ApiKey.Scope.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="Give a program no more than it needs.",
    )

    class Meta:
        model = ApiKey
        fields = ("name", "project", "scopes")


class KeyQuestion(QuestionFilter):
    questions = {
        "living": Question("Living", Q(revoked_at=None)),
        "unused": Question("Never used", Q(revoked_at=None, last_used_at=None)),
        "revoked": Question("Revoked", Q(revoked_at__isnull=False)),
    }


@admin.register(ApiKey)
class KeyAdmin(LeadAdmin):
    form = KeyForm
    list_display = ("name", texts.PROJECT, "may", "state", shown("created_at", texts.when, "made"),
                    shown("last_used_at", texts.when, "last used"))  # fmt: skip
    list_select_related = ("project",)
    list_filter = (KeyQuestion, ProjectFilter)
    search_fields = ("uid", "name")
    search_help_text = "Beginning of a name or an id"
    actions = ("revoke",)
    empty_text = "A key lets a program into one project. It is shown once, when it is made."
    fieldsets = fields(
        "name",
        "project",
        "may",
        "state",
        shown("uid", texts.code, "id"),
        shown("created_at", texts.when, "made"),
        shown("last_used_at", texts.when, "last used"),
        shown("revoked_at", texts.when, "revoked"),
    )
    add_fieldsets = fields("name", "project", "scopes")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may_work(request)

    def save_model(self, request: HttpRequest, obj: ApiKey, form: KeyForm, change: bool) -> None:
        """Makes the key through annotation.keys and shows its secret, this once."""
        scopes = form.cleaned_data["scopes"]
        made, secret = keys.create_key(obj.project, name=obj.name, scopes=scopes, actor=actor(request))
        obj.__dict__.update(made.__dict__)
        once = "Copy this key now, it cannot be shown again: <code class='pf-secret'>{}</code>"
        self.message_user(request, format_html(once, secret), messages.WARNING)

    @admin.display(description="may")
    def may(self, row: ApiKey) -> str:
        return ", ".join(row.scopes)

    @admin.display(description="state")
    def state(self, row: ApiKey) -> SafeString:
        return texts.badge("Revoked") if row.revoked_at else texts.badge("Living", "good")

    @admin.action(description="Revoke")
    def revoke(self, request: HttpRequest, rows: QuerySet[ApiKey]) -> None:
        """Ends keys at once."""
        names = []
        for key in rows.filter(revoked_at=None).select_related("project"):
            keys.revoke_key(key, actor=actor(request))
            names.append(key.name)
        self.message_user(request, f"Revoked: {', '.join(names) or 'none, they were already'}.", messages.SUCCESS)
