"""Import formats: a new one is one file here and one line in FORMATS."""

from __future__ import annotations

from annotation.canonical import Json
from annotation.intake.formats.alpaca import ALPACA
from annotation.intake.formats.arena import ARENA
from annotation.intake.formats.argilla import ARGILLA
from annotation.intake.formats.format import Format
from annotation.intake.formats.helpsteer import HELPSTEER
from annotation.intake.formats.helpsteer2 import HELPSTEER2
from annotation.intake.formats.hh import HH
from annotation.intake.formats.label_studio import LABEL_STUDIO
from annotation.intake.formats.native import NATIVE
from annotation.intake.formats.prefapp import PREFAPP
from annotation.intake.formats.summaries import SUMMARIES
from annotation.intake.formats.trl import TRL
from annotation.intake.formats.ultrafeedback import ULTRAFEEDBACK
from annotation.intake.formats.webgpt import WEBGPT

AUTO = "auto"
# In the order in which a record is tried on them: the more particular ones first.
FORMATS: dict[str, Format] = {
    form.name: form
    for form in (
        NATIVE,
        PREFAPP,
        ARENA,
        HELPSTEER,
        HELPSTEER2,
        ULTRAFEEDBACK,
        WEBGPT,
        SUMMARIES,
        ARGILLA,
        LABEL_STUDIO,
        ALPACA,
        HH,
        TRL,
    )
}


def detect(record: Json) -> Format | None:
    """The format of a record by its fields; None when none fits."""
    if not isinstance(record, dict):
        return None
    return next((form for form in FORMATS.values() if form.knows(record)), None)
