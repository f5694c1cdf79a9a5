"""Paths below /api/v1/projects/{slug}/."""

from django.urls import URLPattern, path

from annotation.api.events import EventsView
from annotation.api.inferences import InferenceView
from annotation.api.judgments import JudgmentsView
from annotation.api.progress import ProgressView
from annotation.api.projects import ProjectSettingsView

urlpatterns: list[URLPattern] = [
    path("", ProjectSettingsView.as_view(), name="api-project"),
    path("events/", EventsView.as_view(), name="api-events"),
    # A request_id is an opaque string and may hold slashes.
    path("inferences/<path:request_id>/", InferenceView.as_view(), name="api-inference"),
    path("judgments/", JudgmentsView.as_view(), name="api-judgments"),
    path("progress/", ProgressView.as_view(), name="api-progress"),
]
