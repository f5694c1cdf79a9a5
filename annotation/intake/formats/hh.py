"""Anthropic HH: transcripts `chosen` and `rejected`, their turns marked by "\\n\\nHuman: " and "\\n\\nAssistant: "."""

from __future__ import annotations

import re
import uuid

from annotation.canonical import Json
from annotation.intake.formats.conversations import Messages, as_content, split
from annotation.intake.formats.format import Fields, Format, Vote, imported, native_line, rest_of
from annotation.intake.schemas import RefusedError

# The one space after the colon belongs to the mark; all other white space is the speaker's.
MARK = re.compile(r"\n\n(Human|Assistant):(?: |(?=\n)|\Z)")
ROLES = {"Human": "user", "Assistant": "assistant"}


def read_transcript(text: str) -> Messages:
    """The turns of a transcript, their texts to the byte. Raises ValueError when it does not begin with a mark."""
    before, *turns = MARK.split(text)
    if before or not turns:
        raise ValueError('does not begin with "\\n\\nHuman: "')
    return [{"role": ROLES[speaker], "content": said} for speaker, said in zip(turns[::2], turns[1::2], strict=True)]


def _convert(record: Fields, namespace: uuid.UUID) -> Json:
    prompt, won, lost = split(_transcript_at(record, "chosen"), _transcript_at(record, "rejected"))
    return native_line(
        namespace,
        prompt=prompt,
        outputs=[{"content": as_content(won)}, {"content": as_content(lost)}],
        metadata=rest_of(record, {"chosen", "rejected"}),
        votes=[Vote("chosen", 0, imported("hh"))],
    )


def _transcript_at(record: Fields, name: str) -> Messages:
    if not isinstance(record.get(name), str):
        raise RefusedError.at([name], "must be a string" if name in record else "is missing")
    try:
        return read_transcript(record[name])
    except ValueError as error:
        raise RefusedError.at([name], str(error)) from None


def _is_known(record: Fields) -> bool:
    texts = (record.get("chosen"), record.get("rejected"))
    return record.get("prompt") is None and all(isinstance(text, str) and MARK.match(text) for text in texts)


HH = Format("hh", _is_known, _convert)
