"""Every path of the site."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from prefapp import health

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("", include("annotation.urls")),
]
