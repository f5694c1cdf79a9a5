"""Native: one inference record a line, with an optional list of the feedback on it."""

from __future__ import annotations

from annotation.intake.formats.format import Format

NATIVE = Format("native", lambda record: "outputs" in record, lambda record, _: record)
