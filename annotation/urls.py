"""Pages of the annotators."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
