"""What the log commits to: the stored fields of a prompt, a candidate, or guidelines as one JSON value.

Imports no Django: the same functions serve the writer and whoever checks rows or a download against the log.
"""

from __future__ import annotations

import datetime as dt

from annotation.canonical import Json

# The stored fields of each that prompt_fact and candidate_fact cover.
PROMPT_FIELDS = ["request_id", "content", "tools", "metadata", "digest", "record_digest", "occurred_at"]
CANDIDATE_FIELDS = [
    "output_id", "index", "content", "digest", "model_name", "model_version", "model", "parameters", "metadata",
    "generated_at",
]  # fmt: skip


def prompt_fact(
    *,
    request_id: str,
    content: Json,
    tools: Json,
    metadata: Json,
    digest: str,
    record_digest: str,
    occurred_at: dt.datetime | None,
) -> dict[str, Json]:
    """The value that the commitment of a prompt covers: PROMPT_FIELDS, in that order."""
    return {
        "request_id": request_id,
        "content": content,
        "tools": tools,
        "metadata": metadata,
        "digest": digest,
        "record_digest": record_digest,
        "occurred_at": utc(occurred_at) if occurred_at else None,
    }


def candidate_fact(
    *,
    output_id: str,
    index: int | None,
    content: Json,
    digest: str,
    model_name: str,
    model_version: str,
    model: Json,
    parameters: Json,
    metadata: Json,
    generated_at: dt.datetime | None,
) -> dict[str, Json]:
    """The value that the commitment of a candidate covers: CANDIDATE_FIELDS, in that order."""
    return {
        "output_id": output_id,
        "index": index,
        "content": content,
        "digest": digest,
        "model_name": model_name,
        "model_version": model_version,
        "model": model,
        "parameters": parameters,
        "metadata": metadata,
        "generated_at": utc(generated_at) if generated_at else None,
    }


def guideline_fact(*, version: int, text: str) -> Json:
    """The value that the commitment of a version of a project's guidelines covers."""
    return {"version": version, "text": text}


def utc(moment: dt.datetime) -> str:
    """A moment as the log and its commitments write it."""
    return moment.astimezone(dt.UTC).isoformat()


def utc_in_sql(column: str) -> str:
    """The SQL expression for the same; where many rows are read, that spares most of the time."""
    return f"replace(to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US'), '.000000', '') || '+00:00'"
