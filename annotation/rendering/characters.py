"""Characters that nobody sees or that turn the text around: shown by name, so that they can neither hide nor act."""

from __future__ import annotations

import re

# Left as they are: tab, line feed, and the marks that ordinary right-to-left text needs (U+200E, U+200F, U+061C), which
# cannot reach beyond their paragraph.
CONTROL = "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 without tab and line feed, DEL, C1
TURNING = "\u202a-\u202e\u2066-\u2069"  # bidirectional embeddings, overrides and isolates
# Or of no width: fillers of scripts as well.
INVISIBLE = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2028\u2029\u2060-\u2064\u206a-\u206f\u3164\ufeff\uffa0"
    "\ufff9-\ufffb\U0001d173-\U0001d17a"
)
TAGS = "\U000e0000-\U000e007f"  # invisible copies of ASCII
LONE = "\ud800-\udfff"  # surrogates, which have no UTF-8 form
JOINERS = "\u200c\u200d"  # they belong into emoji and many scripts; between plain letters and blanks they only hide
SELECTORS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"  # one says how the character before it looks; more hide a text
UNSEEN = re.compile(
    f"[{CONTROL}{TURNING}{INVISIBLE}{LONE}]|[{TAGS}]+|(?<![^\\s{SELECTORS}])[{SELECTORS}]+"
    f"|(?<![^\\s!-~])[{JOINERS}]|[{JOINERS}](?![^\\s!-~])"
)
# Looking for one class takes a tenth of the time; most texts have none of them.
SUSPECT = re.compile(f"[{CONTROL}{TURNING}{INVISIBLE}{LONE}{TAGS}{SELECTORS}{JOINERS}]")
SELECTOR = re.compile(f"[{SELECTORS}]")
CONTROLS = (
    "NUL SOH STX ETX EOT ENQ ACK BEL BS HT LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US"
)
NAMES = {
    **{chr(code): name for code, name in enumerate(CONTROLS.split())}, "\x7f": "DEL",
    "\x85": "NEL", "\u00ad": "SHY", "\u180e": "MVS", "\u200b": "ZWSP", "\u200c": "ZWNJ", "\u200d": "ZWJ",
    "\u2028": "LS", "\u2029": "PS", "\u202a": "LRE", "\u202b": "RLE", "\u202c": "PDF", "\u202d": "LRO",
    "\u202e": "RLO", "\u2060": "WJ", "\u2066": "LRI", "\u2067": "RLI", "\u2068": "FSI", "\u2069": "PDI",
    "\ufeff": "BOM",
}  # fmt: skip
SUBTLE = "\u00ad\u200b\u200c\u200d\u2060\ufeff"  # word breaks and the like, common in honest text
FLAG = "\U0001f3f4"
# What makes it the flag of England, Scotland or Wales.
NATIONS = {"".join(chr(0xE0000 + ord(letter)) for letter in f"{name}\x7f") for name in ("gbeng", "gbsct", "gbwls")}


def reveal(html: str) -> str:
    """Replace unseen characters in the text of an HTML fragment by small labels; attributes must hold none."""
    return UNSEEN.sub(_label, html) if SUSPECT.search(html) else html


def _label(match: re.Match[str]) -> str:
    found = match.group()
    if SELECTOR.match(found):
        return _span("unseen", f"VS×{len(found)}")
    if found[0] >= "\U000e0000":
        if match.string[match.start() - 1 : match.start()] == FLAG and found in NATIONS:
            return found
        hidden = "".join(chr(ord(tag) - 0xE0000) for tag in found if " " <= chr(ord(tag) - 0xE0000) <= "~")
        return _span("unseen", f"hidden: {_escape(hidden)}" if hidden else "TAG")
    if found in SUBTLE:
        return _span("unseen subtle", NAMES[found])
    return _span("unseen", NAMES.get(found, f"U+{ord(found):04X}"))


def _span(classes: str, label: str) -> str:
    return f'<span class="{classes}">{label}</span>'


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
