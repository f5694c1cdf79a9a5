"""Mathematics between $…$, $$…$$, \\(…\\) and \\[…\\]: rules for Markdown, and TeX → MathML."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any
from xml.etree.ElementTree import Element, tostring

from latex2mathml.converter import convert_to_element
from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

MAX_FORMULA = 2_000  # characters
MAX_ALL_FORMULAS = 20_000  # characters of all formulas of one text
CLOSERS = {"$$": "$$", "\\[": "\\]", "\\(": "\\)", "$": "$"}
BLOCK_CLOSERS = {"$$": "$$", "\\[": "\\]"}
NAMESPACE = "http://www.w3.org/1998/Math/MathML"
# Neither mphantom nor mpadded, which hide and overlay; their content stays.
TAGS = {
    "math", "menclose", "mfrac", "mi", "mmultiscripts", "mn", "mo", "mover", "mprescripts", "mroot", "mrow", "mspace",
    "msqrt", "mstyle", "msub", "msubsup", "msup", "mtable", "mtd", "mtext", "mtr", "munder", "munderover",
}  # fmt: skip
ATTRIBUTES = {
    "display", "mathvariant", "displaystyle", "scriptlevel", "stretchy", "fence", "form", "separator", "accent",
    "movablelimits", "linethickness", "columnalign", "notation", "width",
}  # fmt: skip
SPACE = re.compile(r"-?0\.\d+em|[12](\.\d+)?em")
# Environments of the converter, by the names that people write.
ENVIRONMENTS = {
    **{name: name for name in ("align", "align*", "array", "cases", "split", "smallmatrix", "equation", "equation*")},
    **{f"{kind}matrix{star}": f"{kind}matrix{star}" for kind in ("", "p", "b", "B", "v", "V") for star in ("", "*")},
    "aligned": "align*",
    "dcases": "cases",
    **dict.fromkeys(("gather", "gather*", "gathered"), "split"),
}
ENVIRONMENT = re.compile(r"(\\(?:begin|end))\s*\{([^{}]*)\}")


def mathematics(md: MarkdownIt) -> None:
    """Plugin for markdown-it: recognise formulas and render them as MathML."""
    md.inline.ruler.before("escape", "math_inline", _inline)
    md.block.ruler.before("fence", "math_block", _block, {"alt": ["paragraph", "blockquote", "list"]})
    md.add_render_rule("math_inline", _render)
    md.add_render_rule("math_block", _render)


def to_mathml(tex: str, *, block: bool) -> str | None:
    """TeX as one <math> element; None when it is too long or cannot be read."""
    if len(tex) > MAX_FORMULA:
        return None
    try:
        known = ENVIRONMENT.sub(lambda match: f"{match[1]}{{{ENVIRONMENTS[match[2]]}}}", tex)
        root = convert_to_element(known, display="block" if block else "inline")
        _tidy(root)
        return tostring(root, encoding="unicode")
    # The converter raises whatever its parser meets; a KeyError may be an environment that it does not know.
    except Exception:
        return None


def _tidy(element: Element) -> None:
    # The converter leaves character references inside texts; the rest is cut to what the gate lets through.
    element.text = html.unescape(element.text or "")
    element.attrib = {
        name: value
        for name, value in element.attrib.items()
        if name in ATTRIBUTES and (name != "width" or SPACE.fullmatch(value))
    }
    for child in element:
        _tidy(child)


def _inline(state: StateInline, silent: bool) -> bool:
    opener = _opener(state.src, state.pos)
    if opener is None:
        return False
    closer = CLOSERS[opener]
    start = state.pos + len(opener)
    end = state.src.find(closer, start, min(state.posMax, start + MAX_FORMULA))
    tex = state.src[start:end]
    if end < 0 or not tex.strip() or (opener == "$" and not _is_formula(state.src, state.pos, end)):
        return False
    if not silent:
        token = state.push("math_inline", "math", 0)
        token.content = tex
        token.markup = opener
        token.info = closer
    state.pos = end + len(closer)
    return True


def _opener(source: str, position: int) -> str | None:
    if source[position] not in "$\\":
        return None
    pair = source[position : position + 2]
    return pair if pair in CLOSERS else "$" if pair[0] == "$" else None


def _is_formula(source: str, start: int, end: int) -> bool:
    """Tells $x$ from the prices in “$5 and $10”."""
    tight = not source[start + 1].isspace() and not source[end - 1].isspace()
    before = source[start - 1] if start else ""
    return tight and not source[end + 1 : end + 2].isdigit() and not (before.isalnum() or before == "$")


def _block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    first = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]]
    closer = BLOCK_CLOSERS.get(first[:2])
    if closer is None or state.is_code_block(start):
        return False
    # Lines known to hold no closer are not read again, so that many openers stay cheap.
    known = state.env.setdefault("no_math_closer", {})
    line, text = start, first[2:]
    if not text.rstrip().endswith(closer):
        line = max(start + 1, known.get(closer, 0))
        while line < end and not _line(state, line).rstrip().endswith(closer):
            line += 1
        if line >= end:
            known[closer] = line
            return False
        text = "\n".join([first[2:], *(_line(state, n) for n in range(start + 1, line + 1))])
    tex = text.rstrip()[: -len(closer)]
    if not tex.strip() or len(tex) > MAX_FORMULA:
        return False
    if not silent:
        token = state.push("math_block", "math", 0)
        token.block = True
        token.content = tex
        token.markup = first[:2]
        token.info = closer
        token.map = [start, line + 1]
    state.line = line + 1
    return True


def _line(state: StateBlock, line: int) -> str:
    return str(state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]])


def _render(_renderer: Any, tokens: Sequence[Token], index: int, _options: Any, env: dict[str, Any]) -> str:
    token = tokens[index]
    block = token.block or token.markup in BLOCK_CLOSERS
    used = env["math_used"] = env.get("math_used", 0) + len(token.content)
    mathml = to_mathml(token.content, block=block) if used <= MAX_ALL_FORMULAS else None
    if mathml is None:
        source = html.escape(f"{token.markup}{token.content}{token.info}")
        return f'<pre class="formula">{source}</pre>\n' if token.block else f'<code class="formula">{source}</code>'
    return f'<div class="formula">{mathml}</div>\n' if token.block else mathml
