"""API keys: made, shown once, changed, rotated, revoked. The hash never leaves the database."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action

from annotation import keys
from annotation.admin import texts
from annotation.admin.dialogs import dialog, go_to
from annotation.admin.filters import ProjectFilter, Question, QuestionFilter
from annotation.admin.key_form import KeyForm, RotateForm, TermsForm
from annotation.admin.page import fields, link, row_url
from annotation.admin.scope import LeadAdmin, actor, may_work
from annotation.admin.texts import shown
from annotation.models import ApiKey

LIVING = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=Now()))
EXPIRED = Q(revoked_at=None, expires_at__lte=Now())
ROTATE = dialog(
    "Rotate this key?", "A new key of the same name and settings is made and shown once.", "Rotate", RotateForm
)


def is_living(row: ApiKey) -> bool:
    return row.revoked_at is None and (row.expires_at is None or row.expires_at > timezone.now())


class KeyQuestion(QuestionFilter):
    questions = {
        "living": Question("Living", LIVING),
        "browser": Question("In web pages", Q(kind=ApiKey.Kind.BROWSER)),
        "unused": Question("Never used", LIVING & Q(last_used_at=None)),
        "ending": Question("Will expire", LIVING & Q(expires_at__isnull=False)),
        "expired": Question("Expired", EXPIRED),
        "revoked": Question("Revoked", Q(revoked_at__isnull=False)),
    }


class KeyFacts:
    """What is told of a key and cannot be typed."""

    NAME = shown("name", texts.isolated, "name")
    PROJECT = shown("project", link, "project")
    ID = shown("uid", texts.code, "id")
    MADE = shown("created_at", texts.when, "made")
    USED = shown("last_used_at", texts.when, "last used")
    EXPIRES = shown("expires_at", texts.when, "expires")
    REVOKED = shown("revoked_at", texts.when, "revoked")
    REPLACES = shown("replaces", link, "made by rotation of")
    ORIGINS = shown("origins", lambda origins: texts.plain_text("\n".join(origins)), "origins")


@admin.register(ApiKey)
class KeyAdmin(LeadAdmin):
    list_display = ("name", texts.PROJECT, "may", "limit", "state", KeyFacts.MADE, KeyFacts.USED, KeyFacts.EXPIRES)
    list_select_related = ("project",)
    list_filter = (KeyQuestion, ProjectFilter)
    search_fields = ("uid", "name")
    search_help_text = "Beginning of a name or an id"
    actions = ("revoke",)
    actions_detail = ("rotate",)
    empty_text = "A key lets a program or a web page into one project. It is shown once, when it is made."
    readonly_fields = (KeyFacts.NAME, KeyFacts.PROJECT, "may", "state", KeyFacts.ID, KeyFacts.MADE, KeyFacts.USED,
                       KeyFacts.REPLACES, "successor")  # fmt: skip
    add_fieldsets = fields("name", "project", "kind", "scopes", "origins", "rate_limit", "expires_at")

    def get_fieldsets(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        if obj is None:
            return self.add_fieldsets
        if not self.has_change_permission(request, obj):
            ended = (KeyFacts.ORIGINS, "limit", KeyFacts.EXPIRES, KeyFacts.REVOKED)
            return fields(*self.readonly_fields, *ended)
        origins = ("origins",) if obj.kind == ApiKey.Kind.BROWSER else ()
        return fields(*origins, "rate_limit", "expires_at", *self.readonly_fields)

    def get_form(self, request: HttpRequest, obj: ApiKey | None = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **kwargs, form=TermsForm if change else KeyForm)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may_work(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request, obj) and (not isinstance(obj, ApiKey) or is_living(obj))

    def has_rotate_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        row = self.get_object(request, object_id)
        return row is not None and is_living(row) and not hasattr(row, "replaced_by")

    def save_model(self, request: HttpRequest, obj: ApiKey, form: TermsForm, change: bool) -> None:
        """Makes or changes the key through annotation.keys; the form's own instance is never saved."""
        given = form.cleaned_data
        terms = {name: given[name] for name in keys.CHANGEABLE if name in given}
        if change:
            try:
                keys.change_key(obj, terms, actor=actor(request))
            except keys.KeyEndedError:  # since the form was opened
                raise PermissionDenied from None
            return
        made, secret = keys.create_key(
            obj.project, name=obj.name, kind=obj.kind, scopes=given["scopes"], **terms, actor=actor(request)
        )
        obj.__dict__.update(made.__dict__)
        self._show_once(request, secret)

    @admin.display(description="may")
    def may(self, row: ApiKey) -> str:
        return ", ".join(row.scopes) or "send end users’ feedback from web pages"

    @admin.display(description="limit")
    def limit(self, row: ApiKey) -> str:
        return f"{row.rate_limit:,} a minute" if row.rate_limit else "none"

    @admin.display(description="state")
    def state(self, row: ApiKey) -> SafeString:
        if row.revoked_at:
            return texts.badge("Revoked")
        return texts.badge("Living", "good") if is_living(row) else texts.badge("Expired")

    @admin.display(description="replaced by")
    def successor(self, row: ApiKey) -> SafeString | str:
        return link(getattr(row, "replaced_by", None))

    @admin.action(description="Revoke")
    def revoke(self, request: HttpRequest, rows: QuerySet[ApiKey]) -> None:
        """Ends keys at once."""
        names = []
        for key in rows.filter(revoked_at=None).select_related("project"):
            keys.revoke_key(key, actor=actor(request))
            names.append(key.name)
        self.message_user(request, f"Revoked: {', '.join(names) or 'none, they were already'}.", messages.SUCCESS)

    @action(description="Rotate", permissions=["rotate"], url_path="rotate", icon="autorenew", dialog=ROTATE)
    def rotate(self, request: HttpRequest, form: RotateForm, object_id: str) -> HttpResponse:
        old = self.get_object(request, object_id)
        try:
            new, secret = keys.rotate_key(old, overlap=form.overlap, actor=actor(request))
        except keys.KeyEndedError as error:  # since the dialog was opened
            self.message_user(request, str(error), messages.ERROR)
            return go_to(request, row_url(old))
        self._show_once(request, secret)
        return go_to(request, row_url(new))

    def _show_once(self, request: HttpRequest, secret: str) -> None:
        once = "Copy this key now, it cannot be shown again: <code class='pf-secret'>{}</code>"
        self.message_user(request, format_html(once, secret), messages.WARNING)
