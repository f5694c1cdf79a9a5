"""Paths below /api/v1/projects/{slug}/ that erase."""

from django.urls import URLPattern, path

from prefapp.erasing.api import ErasuresView

urlpatterns: list[URLPattern] = [path("erasures/", ErasuresView.as_view(), name="api-erasures")]
