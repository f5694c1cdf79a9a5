"""The files of a snapshot, streamed from disk; a broken-off download goes on where it stopped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from annotation.api.problems import Problem
from annotation.api.project_view import ProjectView, Scope
from exports.api.ranges import ByteRange, UnsatisfiableError, has_it, range_applies, read_range
from exports.api.snapshots import VERSION, demand_files, find_snapshot
from exports.models import Snapshot, SnapshotFile
from exports.pipeline.archive import Archive
from exports.retention import KEPT
from exports.storage import StorageError, store

MEDIA_TYPES = {
    ".parquet": "application/vnd.apache.parquet",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".zst": "application/zstd",
}


OTHER_MEDIA_TYPE = "application/octet-stream"
TAR = "application/x-tar"


class AnyMediaType(BaseContentNegotiation):
    """A file has one media type, whatever the client would rather have."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type or ""


def _header(name: str, description: str, **options: Any) -> OpenApiParameter:
    return OpenApiParameter(name, str, OpenApiParameter.HEADER, description=description, **options)


HAVE = _header("If-None-Match", "`ETag`s of what is already there.")
TAG = _header("ETag", "Strong; of a file its SHA-256.", response=[200, 206, 304])
# What a download may bring along, and what its answer does.
DOWNLOAD = [
    _header("Range", "`bytes=FIRST-LAST`, `bytes=FIRST-` or `bytes=-COUNT`"),
    _header("If-Range", "The `ETag` of the part that is already there."),
    HAVE,
    TAG,
    _header("Content-Range", "`bytes FIRST-LAST/SIZE`, or `bytes */SIZE`", response=[206, 416]),
]
DOWNLOADED: dict[Any, Any] = {
    **{
        (status, media_type.partition(";")[0]): OpenApiTypes.BINARY
        for status in (200, 206)
        for media_type in [*MEDIA_TYPES.values(), OTHER_MEDIA_TYPE]
    },
    (200, "application/json"): OpenApiTypes.OBJECT,
    304: OpenApiResponse(description="The client has it."),
    410: OpenApiResponse(description="The file is gone, or was removed; card and manifest are kept."),
    416: OpenApiResponse(description="The range lies outside of the file."),
}


class SnapshotFileView(ProjectView):
    """One file of a ready snapshot."""

    scopes = {"GET": Scope.READ}
    content_negotiation_class = AnyMediaType

    @extend_schema(
        operation_id="snapshot_file",
        summary="Download a file of a snapshot",
        description="`ETag` is the SHA-256 of the file. A download that broke off goes on with `Range`, and with "
        "`If-Range` only if it is still the same file.",
        parameters=[VERSION, *DOWNLOAD],
        responses=DOWNLOADED,
    )
    def get(self, request: Request, slug: str, version: str, path: str) -> HttpResponseBase:
        return answer(request, find_file(find_snapshot(self.project, version), path))


class ArchiveView(ProjectView):
    """A ready snapshot as one stream."""

    scopes = {"GET": Scope.READ}
    content_negotiation_class = AnyMediaType

    @extend_schema(
        operation_id="snapshot_archive",
        summary="Download a snapshot as one tar stream",
        description="Everything in the folder, with no folder around it: `curl … | tar x -C EMPTY_FOLDER`. A download "
        "that broke off begins again; single files can be gone on with.",
        parameters=[VERSION, HAVE, TAG],
        responses={
            (200, TAR): OpenApiTypes.BINARY,
            304: OpenApiResponse(description="The client has it."),
            409: OpenApiResponse(description="It is not ready."),
            410: OpenApiResponse(description="Its files are gone, or were removed."),
        },
    )
    def get(self, request: Request, slug: str, version: str) -> HttpResponseBase:
        return answer_archive(request, find_snapshot(self.project, version))


def find_file(snapshot: Snapshot, path: str) -> SnapshotFile:
    """A snapshot's file; Problem 404 when there is none of that path."""
    file = snapshot.files.select_related("snapshot__project").filter(path=path).first()
    if file is None:
        raise Problem(404, f"Version {snapshot.version} has no file “{path}”.")
    if path not in KEPT:
        demand_files(snapshot)
    return file


def answer_archive(request: Request, snapshot: Snapshot) -> HttpResponseBase:
    """The answer to a GET or HEAD for a snapshot's archive; Problem 409 when it is not ready."""
    if snapshot.status != Snapshot.Status.READY:
        raise Problem(409, f"Version {snapshot.version} is {snapshot.status}, not ready.")
    demand_files(snapshot)
    archive = Archive.of(snapshot)
    if has_it(request.headers.get("If-None-Match"), archive.etag):
        return _unchanged({"ETag": archive.etag})
    name = f"{snapshot.project.slug}-v{snapshot.version}.tar"
    options: dict[str, Any] = {
        "content_type": TAR,
        "headers": {
            "ETag": archive.etag,
            "Accept-Ranges": "none",
            "Cache-Control": "private, no-cache",
            "Content-Length": str(archive.size),
            "Content-Disposition": content_disposition_header(True, name) or "",
        },
    }
    if request.method == "HEAD":
        return HttpResponse(**options)
    with answering():
        blocks = archive.blocks()
    return StreamingHttpResponse(blocks, **options)


def _unchanged(headers: dict[str, str]) -> HttpResponse:
    unchanged = HttpResponse(status=304, headers=headers)
    del unchanged.headers["Content-Type"]  # Django's default, which is not the file's
    return unchanged


def answer(request: Request, file: SnapshotFile) -> HttpResponseBase:
    """The answer to a GET or HEAD for a file."""
    etag = f'"{file.sha256}"'
    headers = {"ETag": etag, "Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}
    if has_it(request.headers.get("If-None-Match"), etag):
        return _unchanged(headers)
    wanted = _wanted(request, etag, file.bytes)
    part = wanted or ByteRange(0, file.bytes - 1)
    headers |= {
        "Content-Length": str(len(part)),
        "Content-Disposition": content_disposition_header(True, PurePosixPath(file.path).name) or "",
        **({"Content-Range": f"bytes {part.first}-{part.last}/{file.bytes}"} if wanted else {}),
    }
    options: dict[str, Any] = {
        "status": 206 if wanted else 200,
        "content_type": MEDIA_TYPES.get(PurePosixPath(file.path).suffix, OTHER_MEDIA_TYPE),
        "headers": headers,
    }
    if request.method == "HEAD":
        return HttpResponse(**options)
    with answering():
        # A missing file is a problem here, and no broken-off download.
        blocks = store().read(file.stored_name, part.first, len(part))
    return StreamingHttpResponse(blocks, **options)


@contextmanager
def answering() -> Iterator[None]:
    """Problem 503 when the storage of the files does not do its part, 410 when a file is gone from it."""
    try:
        yield
    except FileNotFoundError:
        raise Problem(410, "A file of this version is gone from the disk; an administrator may know why.") from None
    except StorageError as error:
        raise Problem(503, str(error)) from error


def _wanted(request: Request, etag: str, size: int) -> ByteRange | None:
    if not range_applies(request.headers.get("If-Range"), etag):
        return None
    try:
        return read_range(request.headers.get("Range"), size)
    except UnsatisfiableError:
        headers = {"Content-Range": f"bytes */{size}"}
        raise Problem(416, f"The file has {size} bytes; the range lies outside.", headers=headers) from None
