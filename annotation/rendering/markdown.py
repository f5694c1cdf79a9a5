"""Markdown → safe HTML: CommonMark with tables, strikethrough, code and mathematics; raw HTML is shown as text."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import nh3
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.rules_block import StateBlock, table
from markdown_it.rules_block.table import escapedSplit
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from annotation.rendering import code, mathematics
from annotation.rendering.characters import reveal

MAX_MARKDOWN = 200_000  # characters; longer text is shown as it is
MAX_BRACKETS = 4_000  # more than this are no links, and looking for them would take long
MAX_NESTING = 60  # deeper blocks would be dropped by the parser
MAX_HIGHLIGHTED = 20_000  # characters of all code blocks of one text
LINK_SCHEMES = {"http", "https", "mailto"}

TEXT_TAGS = {
    "a", "blockquote", "br", "code", "div", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s", "small",
    "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ALIGNED = {"left", "center", "right"}
GATE = nh3.Cleaner(
    tags=TEXT_TAGS | mathematics.TAGS,
    clean_content_tags=set(),
    attributes={
        "*": {"dir"},
        "a": {"href", "title"},
        "ol": {"start"},
        **dict.fromkeys(mathematics.TAGS, mathematics.ATTRIBUTES),
    },
    allowed_classes={
        "span": code.CLASSES | {"unseen", "subtle", "unloaded"},
        "div": {"table", "formula"},
        "pre": {"formula", "plain"},
        "code": {"formula"},
        "p": {"void"},
        "td": ALIGNED,
        "th": ALIGNED,
    },
    url_schemes=LINK_SCHEMES,
    url_relative="deny",
    link_rel="noopener noreferrer nofollow ugc",
    set_tag_attribute_values={"a": {"target": "_blank"}},
)


def render_markdown(text: str) -> SafeString:
    """Markdown as safe HTML. Never raises; time and size are bounded by the length of the text."""
    if not text.strip():
        return _void(text)
    rendered = None
    if len(text) <= MAX_MARKDOWN:
        parser = PARSER if text.count("[") <= MAX_BRACKETS else PARSER_WITHOUT_LINKS
        env: dict[str, Any] = {}
        tokens = parser.parse(text, env)
        # At its deepest level the parser drops what is left; then the text is shown as it is.
        if all(token.level < MAX_NESTING for token in tokens):
            rendered = parser.renderer.render(tokens, parser.options, env)
    return clean(rendered if rendered is not None else f'<pre class="plain" dir="auto">{html.escape(text)}</pre>')


def render_code(text: str, language: str = "") -> SafeString:
    """A block of source code as safe HTML."""
    return clean(f'<pre dir="ltr"><code>{code.highlight(text, language)}</code></pre>')


def clean(fragment: str) -> SafeString:
    """The last gate: names unseen characters, then lets through known tags, attributes and links only."""
    return mark_safe(GATE.clean(reveal(fragment)))  # noqa: S308  # cleaned by the gate


def first_line(text: str) -> str:
    """The first line of a Markdown text that says something, without its marks, for lists."""
    for line in text.splitlines():
        words = line.strip().lstrip("#>*-0123456789. ").replace("**", "").replace("`", "")
        if words:
            return words
    return ""


def _void(text: str) -> SafeString:
    return format_html('<p class="void">{}</p>', "Only white space" if text else "Empty")


class Parser(MarkdownIt):
    """markdown-it that makes links of whole addresses only."""

    def validateLink(self, url: str) -> bool:  # noqa: N802  # the name is markdown-it's
        return url.partition(":")[0].lower() in LINK_SCHEMES


def _core(state: StateCore) -> None:
    """Text direction by paragraph or list, headings below the page's own, alignment by class."""
    for token in state.tokens:
        if token.type == "heading_open" or token.type == "heading_close":
            token.tag = f"h{min(6, int(token.tag[1]) + 2)}"
        if token.type in {"th_open", "td_open"}:
            style = str(token.attrs.pop("style", ""))
            if style:
                token.attrSet("class", style.removeprefix("text-align:"))
        elif token.type.endswith("_open") and (token.level == 0 or token.type in DIRECTED):
            token.attrSet("dir", "auto")


DIRECTED = {"bullet_list_open", "ordered_list_open", "table_open"}


def _fence(_renderer: Any, tokens: Sequence[Token], index: int, _options: Any, env: dict[str, Any]) -> str:
    token = tokens[index]
    env["highlighted"] = env.get("highlighted", 0) + len(token.content)
    words = token.info.split(maxsplit=1)
    language = words[0] if words and env["highlighted"] <= MAX_HIGHLIGHTED else ""
    label = f"<small>{html.escape(token.info.strip())}</small>" if token.info.strip() else ""
    return f'<pre dir="ltr">{label}<code>{code.highlight(token.content, language)}</code></pre>\n'


def _image(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: dict[str, Any]) -> str:
    token = tokens[index]
    alt = renderer.renderInlineAsText(token.children or [], options, env)
    return unloaded_image(alt, str(token.attrs.get("src", "")))


def unloaded_image(alt: str, url: str) -> str:
    """What stands for an image that is not loaded."""
    words = " ".join(part for part in ("Image, not loaded:", alt, f"({url})") if part)
    return f'<span class="unloaded">{html.escape(words)}</span>'


def _link_open(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: dict[str, Any]) -> str:
    token = tokens[index]
    # The address can be seen before it is opened; a title given in the text stands behind it.
    title = " ".join(str(token.attrs[name]) for name in ("href", "title") if name in token.attrs)
    return f'<a href="{escapeHtml(str(token.attrs["href"]))}" title="{escapeHtml(reveal_plain(title))}">'


def reveal_plain(text: str) -> str:
    """Text for an attribute: ASCII only, so that it holds no unseen character."""
    return text.encode("ascii", "backslashreplace").decode("ascii")


def _whole_table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A table, unless a row has more cells than the header: those would be dropped, so it stays as text."""
    before = len(state.tokens)
    if not table(state, start, end, silent):
        return False
    columns = sum(token.type == "th_open" for token in state.tokens[before:])
    lines = range(start, start if silent else state.line)
    if any(_cells(state.getLines(line, line + 1, 0, False)) > columns for line in lines):
        del state.tokens[before:]
        state.line = start
        return False
    return True


def _cells(line: str) -> int:
    cells = escapedSplit(line.strip())
    return len(cells) - (not cells[0]) - (len(cells) > 1 and not cells[-1])


def _table(_renderer: Any, tokens: Sequence[Token], index: int, _options: Any, _env: Any) -> str:
    return '<div class="table"><table dir="auto">\n' if tokens[index].nesting == 1 else "</table></div>\n"


def _parser() -> Parser:
    options = {"html": False, "breaks": True, "maxNesting": MAX_NESTING + 1}
    parser = Parser("commonmark", options)
    parser.enable(["table", "strikethrough"])
    # A definition of a link would vanish from the page; it is shown as text instead.
    parser.disable("reference")
    parser.block.ruler.at("table", _whole_table, {"alt": ["paragraph", "reference"]})
    parser.use(mathematics.mathematics)
    parser.core.ruler.push("shape", _core)
    for name, rule in RULES.items():
        parser.add_render_rule(name, rule)
    return parser


RULES = {
    "fence": _fence,
    "code_block": _fence,
    "image": _image,
    "link_open": _link_open,
    "table_open": _table,
    "table_close": _table,
}
PARSER = _parser()
PARSER_WITHOUT_LINKS = _parser()
PARSER_WITHOUT_LINKS.disable(["link", "image"])
