"""The files of a snapshot, streamed from disk; a broken-off download goes on where it stopped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
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
from exports.api.snapshots import find_snapshot
from exports.models import SnapshotFile

BLOCK_BYTES = 256 * 1024
MEDIA_TYPES = {
    ".parquet": "application/vnd.apache.parquet",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
}


class AnyMediaType(BaseContentNegotiation):
    """A file has one media type, whatever the client would rather have."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type or ""


def _header(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, str, OpenApiParameter.HEADER, description=description)


class SnapshotFileView(ProjectView):
    """One file of a ready snapshot."""

    scopes = {"GET": Scope.READ}
    content_negotiation_class = AnyMediaType

    @extend_schema(
        operation_id="snapshot_file",
        summary="Download a file of a snapshot",
        description="`ETag` is the SHA-256 of the file. A download that broke off goes on with `Range`, and with "
        "`If-Range` only if it is still the same file.",
        parameters=[
            _header("Range", "`bytes=FIRST-LAST`, `bytes=FIRST-` or `bytes=-COUNT`"),
            _header("If-Range", "The `ETag` of the part that is already there."),
            _header("If-None-Match", "`ETag`s of files that are already there."),
        ],
        responses={
            (200, "application/octet-stream"): OpenApiTypes.BINARY,
            (206, "application/octet-stream"): OpenApiTypes.BINARY,
            304: OpenApiResponse(description="The client has it."),
            416: OpenApiResponse(description="The range lies outside of the file."),
        },
    )
    def get(self, request: Request, slug: str, version: str, path: str) -> HttpResponseBase:
        file = find_snapshot(self.project, version).files.select_related("snapshot__project").filter(path=path).first()
        if file is None:
            raise Problem(404, f"Version {version} has no file “{path}”.")
        return answer(request, file)


def answer(request: Request, file: SnapshotFile) -> HttpResponseBase:
    """The answer to a GET or HEAD for a file."""
    etag = f'"{file.sha256}"'
    headers = {"ETag": etag, "Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}
    if has_it(request.headers.get("If-None-Match"), etag):
        unchanged = HttpResponse(status=304, headers=headers)
        del unchanged.headers["Content-Type"]  # Django's default, which is not the file's
        return unchanged
    wanted = _wanted(request, etag, file.bytes)
    part = wanted or ByteRange(0, file.bytes - 1)
    headers |= {
        "Content-Length": str(len(part)),
        "Content-Disposition": content_disposition_header(True, PurePosixPath(file.path).name) or "",
        **({"Content-Range": f"bytes {part.first}-{part.last}/{file.bytes}"} if wanted else {}),
    }
    options: dict[str, Any] = {
        "status": 206 if wanted else 200,
        "content_type": MEDIA_TYPES.get(PurePosixPath(file.path).suffix, "application/octet-stream"),
        "headers": headers,
    }
    if request.method == "HEAD":
        return HttpResponse(**options)
    return StreamingHttpResponse(_blocks(file.location, part), **options)


def _wanted(request: Request, etag: str, size: int) -> ByteRange | None:
    if not range_applies(request.headers.get("If-Range"), etag):
        return None
    try:
        return read_range(request.headers.get("Range"), size)
    except UnsatisfiableError:
        headers = {"Content-Range": f"bytes */{size}"}
        raise Problem(416, f"The file has {size} bytes; the range lies outside.", headers=headers) from None


def _blocks(path: Path, part: ByteRange) -> Iterator[bytes]:
    # Opened before the first block is asked for, so that a missing file is an error and no broken-off download.
    file = path.open("rb")

    def read() -> Iterator[bytes]:
        with file:
            file.seek(part.first)
            left = len(part)
            while left and (block := file.read(min(BLOCK_BYTES, left))):
                left -= len(block)
                yield block

    return read()
