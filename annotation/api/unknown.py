"""Every other path below /api/: a problem, or the way to the same path with its final slash."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase, HttpResponsePermanentRedirect
from django.urls import resolve
from rest_framework.request import Request
from rest_framework.views import APIView

from annotation.api.problems import Problem


class UnknownPathView(APIView):
    """404, or 308 to the path with a final slash when there is one: clients then send method and body again."""

    authentication_classes = ()
    permission_classes = ()
    schema = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        there = resolve(f"{request.path_info}/").func
        if getattr(there, "cls", None) is not UnknownPathView:
            return HttpResponsePermanentRedirect(request.get_full_path(force_append_slash=True), preserve_request=True)
        return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise Problem(404, f"There is nothing at {request.path}.")
