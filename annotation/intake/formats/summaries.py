"""OpenAI's summarize-from-feedback: two summaries of a post or article and the choice of a worker; or one, on axes."""

from __future__ import annotations

import uuid
from typing import Any

from annotation.canonical import Json
from annotation.intake.formats.format import (
    Fields,
    Format,
    Rating,
    Said,
    Vote,
    imported,
    native_line,
    number_at,
    objects_at,
    rest_of,
    text_at,
)
from annotation.intake.schemas import RefusedError

USED = {"info", "summary", "summaries", "choice", "worker", "extra"}
SCALE_MIDDLE, SCALE_REACH = 4, 3  # axes go from 1 to 7


def _convert(record: Fields, namespace: uuid.UUID) -> Json:
    info = record.get("info")
    if not isinstance(info, dict):
        raise RefusedError.at(["info"], "must be an object")
    single = record.get("summary")
    summaries = [single] if isinstance(single, dict) else objects_at(record, "summaries", 2)
    return native_line(
        namespace,
        prompt=_prompt(info),
        outputs=[_output(summary, index) for index, summary in enumerate(summaries)],
        metadata={"info": {name: info[name] for name in ("id", "site") if info.get(name)}, **rest_of(record, USED)},
        votes=_rating(record, single) if isinstance(single, dict) else [_vote(record)],
    )


def _prompt(info: Fields) -> str:
    """The post as the models were asked about it."""
    if info.get("post") is None:
        return f"Article: {text_at(info, 'article')}\n\nTL;DR:"
    heads = {"SUBREDDIT": f"r/{info['subreddit']}" if info.get("subreddit") else None, "TITLE": info.get("title")}
    told = {**heads, "POST": text_at(info, "post")}
    return "\n\n".join([*(f"{name}: {text}" for name, text in told.items() if text), "TL;DR:"])


def _output(summary: dict[str, Any], index: int) -> Json:
    text = summary.get("text")
    if not isinstance(text, str):
        raise RefusedError.at(["summaries", index, "text"], "must be a string")
    output = {"content": text, "metadata": rest_of(summary, {"text", "policy", "axes"})}
    return {**output, "model": {"name": summary["policy"]}} if summary.get("policy") else output


def _source(record: Fields) -> dict[str, str]:
    return {"type": "human", "id": str(record.get("worker") or imported("summaries")["id"])}


def _extra(record: Fields) -> dict[str, Any]:
    extra = record.get("extra")
    return {"metadata": extra} if isinstance(extra, dict) and extra else {}


def _vote(record: Fields) -> Vote:
    choice = record.get("choice")
    if isinstance(choice, bool) or choice not in (0, 1):
        raise RefusedError.at(["choice"], "must be 0 or 1")
    return Vote("chosen", int(choice), _source(record), presented=True, fields=_extra(record))


def _rating(record: Fields, summary: dict[str, Any]) -> list[Said]:
    """The overall axis as a rating, the other axes beside it; none without it, for some summaries were not rated."""
    axes = summary.get("axes")
    if not isinstance(axes, dict) or axes.get("overall") is None:
        return []
    overall = number_at(axes["overall"], ["summary", "axes", "overall"])
    told = {"metadata": {"axes": axes, **(_extra(record).get("metadata") or {})}}
    return [Rating((overall - SCALE_MIDDLE) / SCALE_REACH, _source(record), fields=told)]


SUMMARIES = Format(
    "summaries",
    lambda record: "info" in record and ("summaries" in record or "summary" in record),
    _convert,
)
