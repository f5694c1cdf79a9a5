"""The forms of an API key: what a new one is for and may do, what may change of a living one, its rotation."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
)

from annotation import keys
from annotation.models import ApiKey

OVERLAPS = {0: "ends at once", 1: "works for 1 hour", 24: "works for 1 day", 168: "works for 7 days",
            720: "works for 30 days"}  # fmt: skip


class TermsForm(forms.ModelForm):
    """What may change of a living key; every fault that annotation.keys finds is said beside its field."""

    origins = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="For a browser key: where its pages live, one a line, such as https://app.example.org.",
    )

    class Meta:
        model = ApiKey
        fields = ("origins", "rate_limit", "expires_at")
        labels = {"rate_limit": "Rate limit", "expires_at": "Expires"}
        help_texts = {
            "rate_limit": "Requests a minute. Empty: no limit; for a browser key "
            f"{keys.BROWSER_RATE_LIMIT}, since everybody who opens the page has it.",
            "expires_at": "UTC. Empty: never.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["origins"] = "\n".join(self.instance.origins)
            if self.instance.kind == ApiKey.Kind.SERVER:
                del self.fields["origins"]

    def clean_origins(self) -> list[str]:
        return str(self.cleaned_data["origins"]).split()

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.errors:
            return data
        key = ApiKey(
            kind=data.get("kind", self.instance.kind),
            scopes=data.get("scopes", self.instance.scopes),
            origins=data.get("origins", []),
            rate_limit=data["rate_limit"],
            expires_at=data["expires_at"],
        )
        try:
            return data | keys.check_terms(key)
        except keys.KeySettingError as error:
            self.add_error(error.setting, error.reason[:1].upper() + error.reason[1:] + ".")
            return data


class KeyForm(TermsForm):
    """A new key."""

    scopes = forms.MultipleChoiceField(
        choices=ApiKey.Scope.choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="For a server key. Give a program no more than it needs.",
    )

    class Meta(TermsForm.Meta):
        fields = ("name", "project", "kind", "scopes", *TermsForm.Meta.fields)  # type: ignore[assignment]  # more of them
        widgets = {"kind": UnfoldAdminRadioSelectWidget()}


class RotateForm(BaseDialogForm):
    """How long the old key still works."""

    hours = forms.TypedChoiceField(
        label="The old key",
        coerce=int,
        choices=list(OVERLAPS.items()),
        initial=24,
        widget=UnfoldAdminSelectWidget(),
        help_text="Time to put the new key in the place of the old one. The list shows when each was used last.",
    )

    @property
    def overlap(self) -> dt.timedelta:
        return dt.timedelta(hours=self.cleaned_data["hours"])
