"""What every view below /api/v1/projects/{slug}/ shares: the project, who calls, and whether they may."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.views import APIView

from annotation import access
from annotation.api.inputs import Fields, Nothing, read_query
from annotation.api.problems import Problem
from annotation.models import ApiKey, Project

Scope = ApiKey.Scope


class ProjectView(APIView):
    """A view of one project, which is `self.project`; `scopes` names the scope that each method needs.

    Without a good key or session the answer is 401, for another's project 404, without the scope 403. A manage key
    may do everything, and so may the project's leads in a browser; annotators may not use the API. A browser key may
    do what `open_to_pages` names and nothing else. `parameters` are what the query may hold, for every method;
    `self.query` is what it held. Any other parameter is refused with 422.
    """

    scopes: ClassVar[Mapping[str, Scope]]
    open_to_pages: ClassVar[Collection[str]] = ()
    parameters: ClassVar[type[Fields]] = Nothing
    project: Project
    query: dict[str, Any]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if "\0" in request.path:
            raise Problem(404, "No name has a NUL in it.")  # PostgreSQL could not even be asked for one
        self.project = find_project(request, kwargs["slug"])
        method = "GET" if request.method == "HEAD" else request.method or ""
        if key := browser_key(request):
            require_page(request, key, is_open=method in self.open_to_pages)
        elif method in self.scopes:
            require_scope(request, self.project, self.scopes[method])
        if method in self.scopes:
            self.query = read_query(request, self.parameters)

    @property
    def actor(self) -> str:
        """The caller as the log names them."""
        return actor(self.request)


def find_project(request: Request, slug: str) -> Project:
    """The project of that slug when the caller may know of it; Problem 404 otherwise."""
    if isinstance(request.auth, ApiKey):
        project = request.auth.project if request.auth.project.slug == slug else None
    else:
        project = access.annotated_projects(request.user).filter(slug=slug).first()
    if project is None:
        raise Problem(404, f"There is no project “{slug}” for this caller.")
    return project


def require_scope(request: Request, project: Project, scope: Scope) -> None:
    """Problem 403 unless the caller has the scope in the project."""
    if isinstance(request.auth, ApiKey):
        if not {scope, Scope.MANAGE} & set(request.auth.scopes):
            raise Problem(403, f"This needs a key with the scope “{scope.value}”.")
    elif not access.led_projects(request.user).filter(pk=project.pk).exists():
        raise Problem(403, "In a browser the API is for the leads of the project.")


def browser_key(request: Request) -> ApiKey | None:
    """The key of a web page that calls; None for every other caller."""
    key = request.auth
    return key if isinstance(key, ApiKey) and key.kind == ApiKey.Kind.BROWSER else None


def require_page(request: Request, key: ApiKey, *, is_open: bool) -> None:
    """Problem 403 unless what a page asks is open to pages and the page is of one of its key's origins."""
    if not is_open:
        raise Problem(403, "A browser key may send feedback (POST feedback/) and nothing else.")
    origin = request.headers.get("Origin", "")
    if origin not in key.origins:
        raise Problem(403, f"This key is not for pages of the origin “{origin}”.")


def actor(request: Request) -> str:
    """The caller as the log names them: `key:UUID` or `user:NAME`."""
    return f"key:{request.auth.uid}" if isinstance(request.auth, ApiKey) else f"user:{request.user}"
