"""Paths below /api/v1/projects/{slug}/."""

from django.urls import URLPattern, path, register_converter
from django.urls.converters import PathConverter

from annotation.api.agreement import AgreementView
from annotation.api.annotators import AnnotatorsView
from annotation.api.bias import BiasView
from annotation.api.comparisons import ComparisonsView, ComparisonView
from annotation.api.events import EventsView
from annotation.api.experiments import ExperimentsView
from annotation.api.feedback import FeedbackView
from annotation.api.inferences import InferencesView, InferenceView
from annotation.api.judging import JudgeView
from annotation.api.judgments import JudgmentsView
from annotation.api.leases import ClaimView, ReleaseView, RenewView, SkipView
from annotation.api.progress import ProgressView
from annotation.api.projects import ProjectSettingsView
from annotation.api.tags import TagsView


class OpaqueConverter(PathConverter):
    """Any text, with slashes and line ends."""

    regex = r"[\s\S]+"


register_converter(OpaqueConverter, "opaque")

urlpatterns: list[URLPattern] = [
    path("", ProjectSettingsView.as_view(), name="api-project"),
    path("agreement/", AgreementView.as_view(), name="api-agreement"),
    path("annotators/", AnnotatorsView.as_view(), name="api-annotators"),
    path("annotators/<opaque:annotator>/tags/", TagsView.as_view(), name="api-annotator-tags"),
    path("bias/", BiasView.as_view(), name="api-bias"),
    path("comparisons/", ComparisonsView.as_view(), name="api-comparisons"),
    path("comparisons/<uuid:comparison_id>/", ComparisonView.as_view(), name="api-comparison"),
    path("events/", EventsView.as_view(), name="api-events"),
    path("experiments/", ExperimentsView.as_view(), name="api-experiments"),
    path("feedback/", FeedbackView.as_view(), name="api-feedback"),
    path("inferences/", InferencesView.as_view(), name="api-inferences"),
    path("inferences/<opaque:request_id>/", InferenceView.as_view(), name="api-inference"),
    path("judgments/", JudgmentsView.as_view(), name="api-judgments"),
    path("progress/", ProgressView.as_view(), name="api-progress"),
    path("queue/claim/", ClaimView.as_view(), name="api-queue-claim"),
    path("queue/<uuid:lease_id>/judge/", JudgeView.as_view(), name="api-queue-judge"),
    path("queue/<uuid:lease_id>/release/", ReleaseView.as_view(), name="api-queue-release"),
    path("queue/<uuid:lease_id>/renew/", RenewView.as_view(), name="api-queue-renew"),
    path("queue/<uuid:lease_id>/skip/", SkipView.as_view(), name="api-queue-skip"),
]
