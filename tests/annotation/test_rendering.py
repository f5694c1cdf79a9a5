"""Model output is hostile: what it may become on the page, and what never."""

from __future__ import annotations

import html
import json
import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.rendering import first_line, render_markdown, render_output, render_prompt, render_tools
from annotation.rendering.mathematics import to_mathml

SAFE_ATTRIBUTES = {
    "href", "title", "rel", "target", "dir", "class", "start", "src", "alt", "display", "mathvariant",
    "displaystyle", "scriptlevel", "stretchy", "fence", "form", "separator", "accent", "movablelimits",
    "linethickness", "columnalign", "notation", "width",
}  # fmt: skip
FORBIDDEN_TAGS = {
    "script", "style", "iframe", "object", "embed", "form", "input", "button", "link", "meta", "base", "svg",
    "video", "audio", "template", "textarea", "noscript", "dialog",
}  # fmt: skip

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<style>body{display:none}</style><link rel=stylesheet href=//evil.example/x.css>",
    "<form action=//evil.example><input name=lease></form>",
    "</section></article><button data-keys='a'>A is better</button>",
    "<a id=answer name=lease href=/accounts/logout/>x</a>",
    "<details open ontoggle=alert(1)>",
    "<div hx-get=/admin/ hx-trigger=load data-hx-post=/x>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](vbscript:msgbox(1))",
    "[x](/accounts/logout/)",
    "[x](//evil.example)",
    "<javascript:alert(1)>",
    "![x](https://evil.example/pixel.png)",
    "![x](data:image/svg+xml;base64,PHN2Zz4=)",
    '[x](https://e.example "\\" onmouseover=\\"alert(1)")',
    '[x](https://e.example/"onmouseover="alert(1))',
    "[a]: javascript:alert(1)\n\n[a]",
    "```html\n<script>alert(1)</script>\n```",
    '```"><script>alert(1)</script>\nx\n```',
    "`<script>alert(1)</script>`",
    "$\\text{<script>alert(1)</script>}$",
    "$\\href{javascript:alert(1)}{x}$",
    "$$\\style{position:fixed}{x}$$",
    "\\(\\class{choice}{x}\\) \\[<img src=x onerror=alert(1)>\\]",
    "$</math><script>alert(1)</script>$",
    "| <script>alert(1)</script> |\n|---|\n| <img src=x onerror=alert(1)> |",
    "<!--><script>alert(1)</script>-->",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "{{ csrf_token }} {% csrf_token %}",
    "</template><script>alert(1)</script>",
    "\x00<script\x00>alert(1)</script>",
]


class Outline(HTMLParser):
    """The tags and attributes of a fragment as a browser would see them."""

    def __init__(self, fragment: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(fragment)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data


def assert_harmless(fragment: str) -> None:
    for tag, attributes in Outline(fragment).tags:
        assert tag not in FORBIDDEN_TAGS
        assert set(attributes) <= SAFE_ATTRIBUTES
        if tag == "a":
            assert attributes["href"].startswith(("http://", "https://", "mailto:"))
            assert attributes["target"] == "_blank"
            assert set(attributes["rel"].split()) == {"noopener", "noreferrer", "nofollow", "ugc"}
        if tag == "img":
            assert re.match(r"data:image/(png|jpeg|gif|webp);base64,", attributes["src"])


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_markup_is_harmless_wherever_it_stands(text: str) -> None:
    assert_harmless(render_markdown(text))
    assert_harmless(render_output(text))
    assert_harmless(render_prompt([{"role": text, "name": text, "content": text}, {"role": "system", "content": text}]))
    call = {"type": "function", "function": {"name": text, "arguments": text}}
    assert_harmless(render_output([{"role": "assistant", "content": None, "tool_calls": [call]}]))
    assert_harmless(render_output([{"role": "tool", "content": text}]))
    assert_harmless(render_output([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": text}}]}]))
    assert_harmless(render_tools([{"name": text}]))


@pytest.mark.parametrize("text", [case for case in HOSTILE if case.startswith("<")])
def test_raw_html_is_shown_as_the_text_that_it_is(text: str) -> None:
    assert Outline(render_markdown(text)).text.strip() == html.unescape(text)


@given(st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_no_text_breaks_it(text: str) -> None:
    assert_harmless(render_output(text))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


@given(json_values)
@settings(max_examples=150, deadline=None)
def test_no_shape_of_content_breaks_it(content: object) -> None:
    assert_harmless(render_output(content))
    assert_harmless(render_prompt(content))
    assert_harmless(render_prompt([{"role": "user", "content": content, "tool_calls": content}]))


def test_markdown_becomes_what_it_says() -> None:
    rendered = render_markdown(
        "# Title\n\n**bold** *soft* ~~gone~~ `code`\n\n- one\n- two\n\n1. first\n\n> quoted\n\n"
        "| a | b |\n|---|--:|\n| 1 | 2 |\n"
    )
    tags = [tag for tag, _ in Outline(rendered).tags]
    for tag in ("h3", "strong", "em", "s", "code", "ul", "ol", "blockquote", "table"):
        assert tag in tags
    assert '<td class="right">2</td>' in rendered


def test_single_line_breaks_are_kept() -> None:
    assert "<br>" in render_markdown("first\nsecond")


def test_headings_stay_below_those_of_the_page() -> None:
    tags = [tag for tag, _ in Outline(render_markdown("# a\n## b\n### c\n#### d\n##### e")).tags]
    assert tags == ["h3", "h4", "h5", "h6", "h6"]


def test_links_show_where_they_lead_and_open_elsewhere() -> None:
    rendered = render_markdown("[docs](https://example.org/a) and <https://example.org>")
    assert rendered.count('rel="noopener noreferrer nofollow ugc"') == 2
    assert 'title="https://example.org/a"' in rendered


def test_images_are_named_and_never_loaded() -> None:
    rendered = render_markdown("![a cat](https://evil.example/cat.png)")
    assert "<img" not in rendered
    assert "a cat" in rendered
    assert "https://evil.example/cat.png" in rendered


def test_inlined_pictures_are_shown_and_others_are_not() -> None:
    def picture(url: str) -> str:
        return render_output([{"role": "assistant", "content": [{"type": "image_url", "image_url": {"url": url}}]}])

    assert "<img" in picture("data:image/png;base64,iVBORw0KGgo=")
    for url in (
        "https://evil.example/x.png",
        "data:image/svg+xml;base64,PHN2Zz4=",
        'data:image/png;base64,AA"onerror="x',
    ):
        assert "<img" not in picture(url)


def test_code_is_highlighted_by_classes_and_keeps_its_language() -> None:
    rendered = render_markdown("```python\ndef f():\n    return 1\n```")
    assert '<span class="k">def</span>' in rendered
    assert "<small>python</small>" in rendered
    assert "style=" not in rendered


@pytest.mark.parametrize("text", ["$x^2$", "$$x^2$$", "\\(x^2\\)", "\\[x^2\\]", "so\n\\[\nx^2\n= y\n+ z\n\\]\nthen"])
def test_mathematics_becomes_mathml(text: str) -> None:
    assert "<msup>" in render_markdown(text)


@pytest.mark.parametrize("text", ["It costs $5 and $10.", "$5-$10", "a $ b $ c", "US$5 or US$6", "\\$x$", "`$x$`"])
def test_prices_and_code_are_no_mathematics(text: str) -> None:
    assert "<math" not in render_markdown(text)


@pytest.mark.parametrize(
    "tex", ["\\frac{", "{" * 500, "x^" * 500, "\\begin{tikzpicture}\\end{tikzpicture}", "a" * 3000]
)
def test_mathematics_that_cannot_be_read_is_shown_as_written(tex: str) -> None:
    assert to_mathml(tex, block=False) is None
    rendered = render_markdown(f"$${tex}$$")
    assert tex in html.unescape(rendered)
    assert "<math" not in rendered


def test_mathematics_hides_nothing() -> None:
    rendered = render_markdown("$\\phantom{secret} a \\hspace{9999em} b$")
    assert "mphantom" not in rendered
    assert "9999em" not in rendered


@pytest.mark.parametrize(
    ("character", "name"),
    [
        *(("\u202e", "RLO"), ("\u2066", "LRI"), ("\x1b", "ESC"), ("\x08", "BS"), ("\u200b", "ZWSP"), ("\ufeff", "BOM")),
        *(("\u3164", "U+3164"), ("\u034f", "U+034F"), ("\U0001d173", "U+1D173")),
        *(("\x85", "NEL"), ("\u2028", "LS"), ("\x7f", "DEL"), ("\x9b", "U+009B"), ("&#x202e;", "RLO")),
    ],
)
def test_unseen_characters_are_named(character: str, name: str) -> None:
    for text in (f"a{character}b", f"`a{character}b`", f"```\na{character}b\n```", f"**a{character}b**"):
        if character.startswith("&") and "`" in text:
            continue  # no entities in code
        rendered = render_markdown(text)
        assert html.unescape(character) not in rendered
        assert f">{name}</span>" in rendered


def test_text_hidden_in_tag_characters_is_shown() -> None:
    hidden = "".join(chr(0xE0000 + ord(letter)) for letter in "choose A")
    assert "hidden: choose A" in render_markdown(f"Hello{hidden}")
    assert "hidden: choose A" in render_markdown(f"Hello \U0001f3f4{hidden}\U000e007f")


def test_variation_selectors_that_say_nothing_of_a_character_are_counted() -> None:
    hidden = "".join(chr(0xE0100 + number) for number in range(30))
    assert ">VS×29</span>" in render_markdown(f"a 😀{hidden} b")
    assert ">VS×2</span>" in render_markdown("a \ufe0f\ufe0e b")


@pytest.mark.parametrize(
    "text",
    [
        "👩‍👩‍👧",
        "❤\ufe0f\u200d🔥",
        "葛\U000e0100",
        "1\ufe0f\u20e3",
        "می‌خواهم",
        "क्‍ष",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    ],
)
def test_joiners_stay_where_scripts_and_emoji_need_them(text: str) -> None:
    assert text in render_markdown(text)


def test_paragraphs_take_the_direction_of_their_text() -> None:
    assert '<p dir="auto">سلام</p>' in render_markdown("سلام")


@pytest.mark.parametrize(("text", "says"), [("", "Empty"), (" \n\t ", "Only white space")])
def test_an_empty_output_says_so(text: str, says: str) -> None:
    assert says in render_output(text)


@pytest.mark.parametrize(
    "text",
    [
        "[hidden]: https://example.org 'a remark'",
        "[//]: # (a hidden remark)",
        "<!-- a hidden remark -->",
        "| a |\n|---|\n| 1 | a hidden remark |",
        "> " * 80 + "a hidden remark",
        "- " * 3 + "x\n" + "\n".join("  " * n + "- item" for n in range(90)) + " a hidden remark",
    ],
)
def test_markdown_hides_no_words(text: str) -> None:
    shown = Outline(render_markdown(text)).text
    for word in re.findall(r"\w{4,}", text):
        assert word in shown


def test_messages_stand_under_their_roles_and_the_system_is_folded() -> None:
    rendered = render_prompt([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}])
    assert '<details class="turn"><summary class="role">system</summary>' in rendered
    assert '<section class="turn"><h3 class="role">user</h3>' in rendered


def test_a_single_answer_stands_without_its_role() -> None:
    assert "assistant" not in render_output([{"role": "assistant", "content": "Hello"}])
    assert render_output([{"role": "assistant", "content": "Hello"}]) == render_output("Hello")


def test_tool_calls_show_name_and_arguments() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": json.dumps({"city": "Paris"})}}
    rendered = render_output([{"role": "assistant", "content": None, "tool_calls": [call]}])
    assert "Calls weather" in rendered
    assert "Paris" in Outline(rendered).text


def test_an_unknown_part_is_shown_as_json() -> None:
    rendered = render_output([{"role": "assistant", "content": [{"type": "audio", "id": "x1"}]}])
    assert '"audio"' in Outline(rendered).text


LONG = 65_000
SLOW = {
    "prose": "Some **bold** words and `code`, [a link](https://example.org).\n\n" * 1_000,
    "brackets": "[" * LONG,
    "images": "![" * (LONG // 2),
    "emphasis": "*a_ " * (LONG // 4),
    "quotes": ">" * LONG,
    "backticks": "`a" * (LONG // 2),
    "nested lists": "\n".join("  " * (n % 60) + "- a" for n in range(1_200)),
    "open mathematics": "\\[\n" * (LONG // 3),
    "dollars": "$a" * (LONG // 2),
    "table": "|a|b|\n|-|-|\n" + "|1|2|\n" * 9_000,
    "code": "```c\n" + "\n" * 7_900 + "```",
    "code blocks": "```js\n" + '"\\' * 2_000 + "\n```\n",
    "controls": "\u202e" * LONG,
}


@pytest.mark.parametrize("name", SLOW)
def test_long_output_takes_well_under_a_second(name: str) -> None:
    start = time.process_time()
    render_markdown(SLOW[name])
    assert time.process_time() - start < 1.0


def test_output_beyond_all_bounds_is_shown_as_it_is() -> None:
    text = "**word** " * 30_000
    rendered = render_markdown(text)
    assert '<pre class="plain"' in rendered
    assert Outline(rendered).text == text


def test_first_line_says_what_guidelines_ask() -> None:
    assert first_line("\n# **Choose** the better\n\nMore.") == "Choose the better"
    assert first_line("") == ""
