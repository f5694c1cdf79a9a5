"""The configs of a snapshot: one file each and one line here."""

from exports.pipeline.formats.battles import BATTLES
from exports.pipeline.formats.format import Format, Rows
from exports.pipeline.formats.golden import GOLDEN
from exports.pipeline.formats.helpsteer import HELPSTEER
from exports.pipeline.formats.judgments import JUDGMENTS
from exports.pipeline.formats.kto import KTO
from exports.pipeline.formats.llamafactory import LLAMAFACTORY
from exports.pipeline.formats.preference import PREFERENCE
from exports.pipeline.formats.preference_full import PREFERENCE_FULL
from exports.pipeline.formats.preference_text import PREFERENCE_TEXT
from exports.pipeline.formats.reward import REWARD

__all__ = ["FORMATS", "Format", "Rows"]

FORMATS = {
    format_.name: format_
    for format_ in (
        PREFERENCE,
        PREFERENCE_TEXT,
        PREFERENCE_FULL,
        REWARD,
        KTO,
        BATTLES,
        HELPSTEER,
        LLAMAFACTORY,
        GOLDEN,
        JUDGMENTS,
    )
}
