"""Webhooks: who is told of snapshots, what became of each message, and sending it again."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from unfold.decorators import action
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextInputWidget

from annotation.admin import texts
from annotation.admin.dialogs import dialog, go_to
from annotation.admin.filters import ProjectFilter, Question, QuestionFilter
from annotation.admin.page import Page, Step, Table, fields, link, list_url, row_url
from annotation.admin.scope import LeadAdmin, actor, may_work
from annotation.admin.texts import shown
from exports import webhooks
from exports.models import Delivery, Webhook

SHOWN = 20
AGAIN = dialog("Send this message again?", "It goes out once more under the same id.", "Send again")
ARRIVED = Q(delivered_at__isnull=False)
WAITING = Q(delivered_at=None, next_at__isnull=False)


def state_of(row: Delivery) -> SafeString:
    """What became of a message."""
    if row.delivered_at:
        return texts.badge("delivered", "good")
    if row.next_at is None:
        return texts.badge("given up", "bad")
    return texts.badge("is tried again", "warning") if row.attempts else texts.badge("waits", "plain")


class WebhookForm(forms.ModelForm):
    """Whose snapshots are told to which address."""

    url = forms.CharField(max_length=500, widget=UnfoldAdminTextInputWidget(), help_text="An HTTPS address.")

    class Meta:
        model = Webhook
        fields = ("project", "url")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("project") and data.get("url"):
            try:
                webhooks.check(data["project"], data["url"])
            except webhooks.WebhookError as error:
                raise ValidationError({"url": f"The address cannot be taken: {error}."}) from None
        return data


@admin.register(Webhook)
class WebhookAdmin(LeadAdmin):
    form = WebhookForm
    list_display = (shown("url", texts.isolated, "address"), texts.PROJECT, "state", "last",
                    shown("created_at", texts.when, "added"))  # fmt: skip
    list_select_related = ("project",)
    list_filter = (ProjectFilter,)
    empty_text = "A webhook is an address that is told when a snapshot is ready or has failed."
    add_fieldsets = fields("project", "url")
    fieldsets = fields(
        "project",
        shown("url", texts.code, "address"),
        "state",
        "secret",
        shown("created_by", texts.isolated, "added by"),
        shown("created_at", texts.when, "added"),
    )

    def narrow(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        newest = Delivery.objects.filter(webhook=OuterRef("pk")).order_by("-pk")
        return rows.annotate(newest=Subquery(newest.values("pk")[:1]))

    def complete(self, rows: list[Any]) -> list[Any]:
        found = Delivery.objects.in_bulk([row.newest for row in rows if row.newest])
        for row in rows:
            row.last_delivery = found.get(row.newest)
        return rows

    @admin.display(description="state")
    def state(self, row: Webhook) -> SafeString:
        return texts.badge("told", "good") if row.active else texts.badge("answered 410: told nothing more", "bad")

    @admin.display(description="last message")
    def last(self, row: Webhook) -> SafeString | str:
        delivery = getattr(row, "last_delivery", None)
        return state_of(delivery) if delivery else "—"

    @admin.display(description="messages are signed with")
    def secret(self, row: Webhook) -> SafeString | str:
        return texts.code(webhooks.secret(row))

    def page(self, request: HttpRequest, row: Webhook) -> Page:
        recent = row.deliveries.order_by("-pk")[:SHOWN]
        table = [
            [link(one, one.body["type"]), state_of(one), one.attempts, texts.when(one.created_at), one.error or "—"]
            for one in recent
        ]
        every = list_url(Delivery, webhook__id__exact=row.pk)
        return Page(
            steps=[Step("Project", row.project.name, row_url(row.project)), Step("Webhook", row.url)],
            tables=[Table("Messages", ["Message", "State", "Attempts", "Written", "Last error"], table, url=every)],
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may_work(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Webhook, form: WebhookForm, change: bool) -> None:
        """Adds it through exports.webhooks."""
        added = webhooks.add(obj.project, obj.url, actor=actor(request))
        obj.__dict__.update(added.__dict__)

    def delete_model(self, request: HttpRequest, obj: Webhook) -> None:
        webhooks.remove(obj, actor=actor(request))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What goes along: its messages, which nobody may delete by themselves."""
        deleted, counts, _, protected = super().get_deleted_objects(objs, request)
        return deleted, counts, set(), protected

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            self.delete_model(request, row)


class DeliveryQuestion(QuestionFilter):
    questions = {
        "waiting": Question("On their way", WAITING),
        "delivered": Question("Delivered", ARRIVED),
        "given-up": Question("Given up", Q(delivered_at=None, next_at=None)),
    }


@admin.register(Delivery)
class DeliveryAdmin(LeadAdmin):
    project_path = "webhook__project"
    list_display = ("__str__", shown("webhook", link, "to"), "kind", "state", "attempts",
                    shown("created_at", texts.when, "written"), shown("next_at", texts.when, "next try"))  # fmt: skip
    list_select_related = ("webhook__project",)
    list_filter = (DeliveryQuestion, ProjectFilter)
    search_fields = ("uid",)
    actions = ("send_again",)
    actions_detail = ("again",)
    empty_text = "A message is written to each webhook when a snapshot is ready or has failed."
    fieldsets = fields(
        shown("webhook", link, "to"),
        "state",
        "attempts",
        shown("error", texts.plain_text, "the last attempt ended in"),
        shown("created_at", texts.when, "written"),
        shown("delivered_at", texts.when, "delivered"),
        shown("next_at", texts.when, "next try"),
        shown("body", texts.json_text, "message"),
    )

    @admin.display(description="about")
    def kind(self, row: Delivery) -> str:
        return str(row.body["type"])

    @admin.display(description="state")
    def state(self, row: Delivery) -> SafeString:
        return state_of(row)

    def has_again_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        row = self.get_object(request, object_id)
        return row is not None and row.webhook.active

    @admin.action(description="Send again")
    def send_again(self, request: HttpRequest, rows: QuerySet[Delivery]) -> None:
        sent = sum(webhooks.send_again(row) for row in rows)
        self.message_user(request, f"{sent} will be sent again.", messages.SUCCESS if sent else messages.WARNING)

    @action(description="Send again", permissions=["again"], url_path="again", icon="replay", dialog=AGAIN)
    def again(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        row = self.get_object(request, object_id)
        webhooks.send_again(row)
        self.message_user(request, "The message will be sent again.", messages.SUCCESS)
        return go_to(request, row_url(row))
