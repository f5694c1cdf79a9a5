"""The engineer's page: a project's snapshots, and of each its card, its files, what is new in it and how to load it."""

from __future__ import annotations

import json
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from annotation.models import Project
from annotation.rendering import render_markdown
from annotation.views.gate import for_leads, wants_fragments
from exports.models import Snapshot
from exports.pipeline.diff import FILES_GONE, DiffTooLongError, diff, kind_of
from exports.pipeline.manifest import MANIFEST_VERSION
from exports.pipeline.preview import PREVIEW_SECONDS, PreviewTooLongError, preview
from exports.recipes import label
from exports.retention import KEPT
from exports.storage import store
from exports.views.forms import BuildForm
from exports.views.snippets import snippets_for

ON_A_PAGE = 20
CARD_BYTES = 256 * 1024
Status = Snapshot.Status


@require_http_methods(["GET", "HEAD", "POST"])
@for_leads
def snapshots(request: HttpRequest, project: Project) -> HttpResponse:
    """All snapshots, newest first, and what asks for another; the list alone for the page's own refresh."""
    form = BuildForm(project, request.POST if request.method == "POST" else None)
    estimate: dict[str, Any] = {}
    if request.method == "POST" and form.is_valid():
        if "estimate" not in request.POST:
            snapshot = form.ask(actor=f"user:{request.user.get_username()}")
            return redirect("snapshot", project.slug, snapshot.version)
        try:
            estimate = preview(project, form.cleaned_data["body"])["estimate"]
        except PreviewTooLongError:
            form.add_error(None, f"Too much for an estimate within {PREVIEW_SECONDS} s. It can still be built.")
    found = Snapshot.objects.filter(project=project).order_by("-version")
    found = found.select_related("parent", "named_recipe", "removal")
    page = Paginator(found, ON_A_PAGE).get_page(request.GET.get("page"))
    unfinished = _any_unfinished(page.object_list)
    rows = [(snapshot, label(snapshot)) for snapshot in page]
    context = {
        "project": project,
        "page": page,
        "rows": rows,
        "form": form,
        "unfinished": unfinished,
        "estimate": estimate,
    }
    template = "exports/_snapshots.html" if wants_fragments(request) else "exports/snapshots.html"
    return render(request, template, context)


@require_safe
@for_leads
def snapshot(request: HttpRequest, project: Project, version: int) -> HttpResponse:
    """One snapshot; while it is unfinished, how far it is."""
    found = _find(project, version)
    recipe = json.dumps(found.recipe, indent=2, ensure_ascii=False)
    context: dict[str, Any] = {"project": project, "snapshot": found, "recipe": recipe}
    context["unfinished"] = _any_unfinished([found])
    if wants_fragments(request) and context["unfinished"]:
        return render(request, "exports/_unfinished.html", context)
    if found.status == Status.READY:
        base = request.build_absolute_uri(reverse("api-snapshot", args=[project.slug, version]))
        files = list(found.files.all())
        removal = getattr(found, "removal", None)
        context |= {
            "removal": removal,
            "why_empty": _why_empty(found),
            "kept": KEPT,
            "files": files,
            "base": base,
            "card": render_markdown(_card(found)),
            "snippets": [] if removal else snippets_for(found, files, base),
            "earlier": None
            if removal
            else _comparable(project).filter(version__lt=version).order_by("-version").first(),
        }
    response = render(request, "exports/snapshot.html", context)
    if wants_fragments(request):
        response["HX-Refresh"] = "true"  # it is finished: the page has more to show than its progress
    return response


@require_safe
@for_leads
def changes(request: HttpRequest, project: Project, version: int, other: int) -> HttpResponse:
    """What a snapshot added, changed and removed against an earlier one."""
    comparable = _comparable(project)
    older, newer = (get_object_or_404(comparable, version=number) for number in sorted((version, other)))
    kind = kind_of(older, newer)
    context: dict[str, Any] = {"project": project, "older": older, "newer": newer, "kind": kind}
    try:
        context["changes"] = diff(older, newer, kind)
    except FileNotFoundError:
        return render(request, "exports/changes.html", context | {"problem": FILES_GONE}, status=410)
    except DiffTooLongError as error:
        return render(request, "exports/changes.html", context | {"problem": str(error)}, status=503)
    return render(request, "exports/changes.html", context)


def _find(project: Project, version: int) -> Snapshot:
    found = Snapshot.objects.filter(project=project, version=version).select_related(
        "project", "parent", "named_recipe", "removal"
    )
    if snapshot := found.first():
        return snapshot
    raise Http404


def _comparable(project: Project) -> Any:
    return Snapshot.objects.filter(project=project, status=Status.READY, manifest__manifest__gte=MANIFEST_VERSION,
                                   removal=None)  # fmt: skip


def _any_unfinished(found: Any) -> bool:
    return any(one.status in (Status.QUEUED, Status.BUILDING) for one in found)


def _why_empty(snapshot: Snapshot) -> str:
    """What is told of a snapshot without rows."""
    counts = (snapshot.manifest or {}).get("counts", {})
    if snapshot.parent:
        version = snapshot.parent.version
        if any(changed["removed"] for changed in counts.get("changes", {}).values()):
            return f"nothing was added or changed; what is gone since v{version} stands in changes/removed."
        return f"nothing changed since v{version}."
    if counts.get("selected", {}).get("judgments"):
        return "nothing of what was selected is left for its configs. Its card tells which rules dropped it."
    return (
        "no judgment fits its recipe. The default one takes judgments of people; name other sources in a recipe to "
        "take theirs."
    )


def _card(snapshot: Snapshot) -> str:
    """The dataset card without the metadata at its beginning."""
    size = snapshot.files.get(path="README.md").bytes
    try:
        blocks = store().read(f"{snapshot.folder}/README.md", 0, min(size, CARD_BYTES))
    except FileNotFoundError:
        return "**Its files are gone from the disk.** What was built stands in its manifest; build a new version."
    text = b"".join(blocks).decode(errors="ignore")
    return text.removeprefix("---\n").partition("\n---\n")[2] or text
