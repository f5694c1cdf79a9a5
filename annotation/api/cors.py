"""Which pages of other origins may call: a question that django-cors-headers asks for every call."""

from __future__ import annotations

import re
from typing import Any

from corsheaders.signals import check_request_enabled
from django.conf import settings
from django.dispatch import receiver
from django.http import HttpRequest

from annotation import keys


@receiver(check_request_enabled)
def may_call(sender: Any, request: HttpRequest, **_: Any) -> bool:
    """Whether a living browser key of the project lists the page's origin.

    A preflight brings no key along, so it is any of the project's; the call itself needs one that lists the origin.
    """
    origin, path = request.headers.get("Origin"), re.match(settings.CORS_URLS_REGEX, request.path_info)
    return bool(origin and path and keys.pages_may_call(path["slug"], origin))
