"""Which Content-Security-Policy a path gets: the strict one, save for the admin, whose theme needs more."""

from functools import cache

from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse


class ContentSecurityPolicyMiddleware(CSPMiddleware):
    """django-csp's middleware with ADMIN_CONTENT_SECURITY_POLICY for everything below the admin's root."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts: PolicyParts = super().get_policy_parts(request, response, report_only)
        if not report_only and parts.config is None and request.path_info.startswith(_admin_root()):
            parts.config = settings.ADMIN_CONTENT_SECURITY_POLICY
        return parts


@cache
def _admin_root() -> str:
    return reverse("admin:index")
