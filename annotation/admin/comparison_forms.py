"""What is asked before a comparison becomes a gold or is given to somebody."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextInputWidget

from annotation.admin.dialogs import dialog
from annotation.models import Annotator, Comparison


class GoldForm(BaseDialogForm):
    """Which output is right."""

    right = forms.ChoiceField(
        label="The right answer",
        choices=[("a", "the output on the left of this page"), ("b", "the output on the right of this page")],
        widget=UnfoldAdminRadioSelectWidget(),
        help_text="There must be no doubt: who prefers the other one, or neither, has judged it wrongly.",
    )


class RouteForm(BaseDialogForm):
    """Who is asked about a comparison."""

    requires = forms.CharField(
        label="Required tags",
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Only annotators who have all of these are asked. Separated by commas; empty: everybody.",
    )
    reserved_for = forms.CharField(
        label="Only for",
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text="The name of an annotator of the project, who alone is asked. Empty: nobody in particular.",
    )

    def __init__(self, request: HttpRequest, object_id: str = "", *args: Any, **kwargs: Any) -> None:
        super().__init__(request, object_id, *args, **kwargs)
        self.row = Comparison.objects.select_related("reserved_for").get(pk=object_id)
        self.fields["requires"].initial = ", ".join(self.row.requires or ())
        self.fields["reserved_for"].initial = self.row.reserved_for

    def clean_reserved_for(self) -> Annotator | None:
        name = self.cleaned_data["reserved_for"].strip()
        found: Annotator | None = Annotator.objects.filter(project=self.row.project_id, name=name).first()
        if name and found is None:
            raise forms.ValidationError(f"There is no annotator “{name}” in the project.")
        return found


ROUTE = dialog("Who is to be asked?", "Whoever holds the comparison already may finish it.", "Save", RouteForm)
USE_AS_GOLD = dialog(
    "Use this comparison as a gold?",
    "It leaves the queue and checks annotators from then on; its judgments are never data. This cannot be undone.",
    "Use as gold",
    GoldForm,
)
