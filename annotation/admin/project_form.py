"""The form of a project: its settings, the guidelines that hold now, its annotators."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import User
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from annotation import projects
from annotation.heuristics import HEURISTICS
from annotation.models import Project


class ProjectForm(forms.ModelForm):
    """Checks what annotation.projects would refuse, so that it is said beside the field."""

    guidelines = forms.CharField(
        required=False,
        strip=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 14}),
        help_text="Markdown. A changed text becomes a new version; judgments keep naming the one that was shown.",
    )
    members = forms.CharField(
        label="Annotators",
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text="User names, separated by commas. Empty: every signed-in annotator may work here.",
    )

    requires = forms.CharField(
        label="Required tags",
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Tags that annotators must have to be given anything, separated by commas.",
    )

    pairing_models = forms.CharField(
        label="Models",
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text="For “Pairs of named models”: names, or names with versions, separated by commas.",
    )

    heuristics = forms.MultipleChoiceField(
        choices=[(rule.name, rule.about) for rule in HEURISTICS.values()],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Rules that make preferences of implicit signals as these arrive.",
    )

    class Meta:
        model = Project
        fields = ("slug", *projects.COLUMNS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            settings = projects.read_settings(self.instance)
            self.initial.update(
                guidelines=settings["guidelines"],
                members=", ".join(settings["members"]),
                pairing_models=", ".join(settings["pairing_models"]),
                requires=", ".join(settings["requires"]),
            )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for name, reason in projects.find_limits_passed(data).items():
            self.add_error(name, f"It {reason}.")
        return data

    def clean_guidelines(self) -> str:
        # Browsers send line ends as CR LF; the same text must not become a new version for that.
        return str(self.cleaned_data["guidelines"]).replace("\r\n", "\n")

    def clean_requires(self) -> list[str]:
        return projects.listed(self.cleaned_data["requires"])

    def clean_pairing_models(self) -> list[str]:
        try:
            return projects.read_models(self.cleaned_data["pairing_models"])
        except projects.SettingError as error:
            raise forms.ValidationError(error.reason) from None

    def clean_members(self) -> list[str]:
        names = projects.listed(self.cleaned_data["members"])
        known = set(User.objects.filter(username__in=names).values_list("username", flat=True))
        missing = [name for name in names if name not in known]
        if missing:
            raise forms.ValidationError(f"There is no user “{missing[0]}”.")
        return names
