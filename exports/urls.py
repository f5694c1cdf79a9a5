"""Pages of ML engineers."""

from django.urls import URLPattern, path

from exports.views import snapshots

urlpatterns: list[URLPattern] = [
    path("projects/<slug:slug>/snapshots/", snapshots.snapshots, name="snapshots"),
    path("projects/<slug:slug>/snapshots/<int:version>/", snapshots.snapshot, name="snapshot"),
    path("projects/<slug:slug>/snapshots/<int:version>/changes/<int:other>/", snapshots.changes, name="changes"),
]
