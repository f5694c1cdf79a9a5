"""Paths below /api/v1/projects/{slug}/ that have to do with snapshots."""

from django.urls import path

from exports.api.diff import DiffView
from exports.api.files import ArchiveView, SnapshotFileView
from exports.api.leaderboard import LeaderboardView
from exports.api.links import LinksView, LinkView
from exports.api.preview import PreviewView
from exports.api.scores import ScoreView
from exports.api.snapshots import CancelView, SnapshotsView, SnapshotView
from exports.api.webhooks import WebhooksView, WebhookView

urlpatterns = [
    path("leaderboard/", LeaderboardView.as_view(), name="api-leaderboard"),
    path("webhooks/", WebhooksView.as_view(), name="api-webhooks"),
    path("webhooks/<uuid:uid>/", WebhookView.as_view(), name="api-webhook"),
    path("snapshots/", SnapshotsView.as_view(), name="api-snapshots"),
    path("snapshots/preview/", PreviewView.as_view(), name="api-snapshot-preview"),
    path("snapshots/<str:version>/", SnapshotView.as_view(), name="api-snapshot"),
    path("snapshots/<str:version>/cancel/", CancelView.as_view(), name="api-snapshot-cancel"),
    path("snapshots/<str:version>/score/", ScoreView.as_view(), name="api-snapshot-score"),
    path("snapshots/<str:version>/archive.tar", ArchiveView.as_view(), name="api-snapshot-archive"),
    path("snapshots/<str:version>/links/", LinksView.as_view(), name="api-snapshot-links"),
    path("links/<str:token>/<path:path>", LinkView.as_view(), name="api-snapshot-link"),
    path("snapshots/<str:version>/diff/<str:other>/", DiffView.as_view(), name="api-snapshot-diff"),
    path("snapshots/<str:version>/files/<path:path>", SnapshotFileView.as_view(), name="api-snapshot-file"),
]
