"""Who calls: a program with an API key, or a person in a browser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rest_framework.authentication import BaseAuthentication, SessionAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from annotation import keys
from annotation.models import ApiKey


@dataclass(frozen=True)
class Program:
    """The `request.user` of a call with an API key."""

    key: ApiKey
    is_authenticated: ClassVar[bool] = True


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer KEY`; `request.auth` is then the key."""

    def authenticate(self, request: Request) -> tuple[Program, ApiKey] | None:
        scheme, _, secret = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        # Latin-1 reads any bytes, so that a key of other letters is a wrong key and no error.
        key = keys.find_key(secret.strip().decode("latin-1"))
        if key is None:
            raise AuthenticationFailed("The API key is wrong, was revoked or has expired.")
        return Program(key), key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class BrowserSessionAuthentication(SessionAuthentication):
    """A signed-in person; every method that changes something needs the CSRF token."""

    def enforce_csrf(self, request: Request) -> None:
        # Django's own request looks for the token in the header and in forms; REST framework's would read the body,
        # which is the view's to read.
        super().enforce_csrf(request._request)  # type: ignore[arg-type]  # the stubs know the other only
