"""What a project's page can do once everything that was made of its records can be seen: “Erase a person”."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from unfold.decorators import action
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from annotation.admin.dialogs import dialog, go_to
from annotation.admin.page import row_url
from annotation.admin.scope import actor
from annotation.erasure import MAX_REASON, ReasonError, check_reason
from annotation.models import Project
from exports.admin.project import ProjectWithSnapshotsAdmin
from prefapp.erasing.person import AT_ONCE, Report, erase_person


class EraseForm(BaseDialogForm):
    """Whom, and why."""

    user_id = forms.CharField(
        label="User id", strip=False, widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="As the service sent it: metadata.user_id of inferences and feedback, source.id of an end user.",
    )  # fmt: skip
    reason = forms.CharField(
        required=False, max_length=MAX_REASON, widget=UnfoldAdminTextInputWidget(),
        help_text="For the log, which keeps it for ever: a ticket, not the person’s name.",
    )  # fmt: skip
    sure = forms.BooleanField(label="I know that this cannot be undone", widget=UnfoldBooleanWidget())

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        try:
            check_reason(data.get("user_id", ""), data.get("reason", ""))
        except ReasonError as error:
            self.add_error("reason", str(error))
        return data


DIALOG = dialog(
    "Erase a person",
    "Blanks everything that this project keeps of them, for good: texts, metadata, digests. Ids and outcomes stay, and "
    "count nowhere any more.",
    "Erase",
    EraseForm,
)

admin.site.unregister(Project)


@admin.register(Project)
class ProjectWithErasureAdmin(ProjectWithSnapshotsAdmin):
    actions_detail = (*ProjectWithSnapshotsAdmin.actions_detail, "erase_person")

    @action(description="Erase a person", permissions=["view"], url_path="erase", icon="person_off", dialog=DIALOG)
    def erase_person(self, request: HttpRequest, form: EraseForm, object_id: str) -> HttpResponse:
        project = self.get_object(request, object_id)
        wanted = form.cleaned_data
        report = erase_person(project, wanted["user_id"], actor=actor(request), reason=wanted["reason"], limit=AT_ONCE)
        self.message_user(request, tell(report), messages.WARNING if report.left else messages.SUCCESS)
        return go_to(request, row_url(project))


def tell(report: Report) -> str:
    """What came of it, without naming the person: messages are kept for a while."""
    said = [f"Erased: {report.erased}." if report.erased else "Nothing was left to erase."]
    if report.left:
        said.append(f"There is more, {report.left}: ask again, or use manage.py erase.")
    if report.snapshots:
        said.append(f"Snapshots that hold erased rows: {', '.join(f'v{version}' for version in report.snapshots)}.")
    if report.recipes:
        said.append(f"Recipes that name the person: {', '.join(report.recipes)}.")
    return " ".join(said)
