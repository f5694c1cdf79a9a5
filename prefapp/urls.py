"""Every path of the site."""

from csp.constants import UNSAFE_INLINE
from csp.decorators import csp_update
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from annotation.api.unknown import UnknownPathView
from prefapp import health, metrics

# The documentation page sets styles inline; its scripts come from the sidecar package and from its own address.
api_docs = csp_update({"style-src": [UNSAFE_INLINE]})(SpectacularSwaggerSplitView.as_view(url_name="api-schema"))

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", metrics.metrics),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("api/v1/projects/<slug:slug>/", include("annotation.api.urls")),
    path("api/v1/projects/<slug:slug>/", include("exports.api.urls")),
    path("api/v1/projects/<slug:slug>/", include("prefapp.erasing.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("api/docs/", api_docs, name="api-docs"),
    re_path("^api/", UnknownPathView.as_view()),
    path("", include("annotation.urls")),
    path("", include("exports.urls")),
]
