"""The API as its callers use it."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse
from django.test import Client

from annotation import keys
from annotation.models import Project


class Caller:
    """A program that calls the API of one project with a key of some scopes.

    Paths are those of the contract, below /api/v1/projects/{slug}/, or whole URLs out of answers.
    """

    def __init__(self, project: Project, *scopes: str, **settings: Any) -> None:
        self.key, self.secret = keys.create_key(project, name="test", scopes=scopes, actor="test", **settings)
        self.base = f"/api/v1/projects/{project.slug}/"
        self.client = Client(headers={"Authorization": f"Bearer {self.secret}"})

    def __call__(self, method: str, path: str = "", body: Any = None, **extra: Any) -> HttpResponse:
        """Send a body (JSON unless it is bytes) by a method."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        extra = {"content_type": "application/json", **extra}
        url = path if path.startswith(("http", "/")) else self.base + path
        return self.client.generic(method, url, data, **extra)

    def get(self, path: str = "", **query: Any) -> Any:
        """The JSON of a GET that must go well."""
        url = path if path.startswith("http") else self.base + path
        answer = self.client.get(url, query or None)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def all(self, path: str, **query: Any) -> list[Any]:
        """Every result of a paginated list, from front to back."""
        page = self.get(path, **query)
        results = page["results"]
        while page["next"]:
            page = self.get(page["next"])
            results += page["results"]
        return results


def problem(answer: HttpResponse, status: int) -> Any:
    """The body of an answer that must be a problem with that status."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    body = json.loads(answer.content)
    assert set(body) == {"type", "title", "status", "detail", "errors"}
    assert body["status"] == status
    assert body["detail"]
    return body


def pointers(answer: HttpResponse, status: int = 422) -> list[str]:
    """Where a problem with that status points."""
    return [error["pointer"] for error in problem(answer, status)["errors"]]
