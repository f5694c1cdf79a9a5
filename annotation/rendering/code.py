"""Source code with Pygments' classes, within bounds: well-known languages only, not too long, not for too long."""

from __future__ import annotations

import functools
import html
import time

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES, _TokenType

MAX_CODE = 8_000  # characters; longer code is shown without colours
MAX_SECONDS = 0.1  # honest code of that length takes a tenth of this
# A lexer is a pile of regular expressions; on hostile input many need quadratic time. These were tried at MAX_CODE with
# some hundred repeated patterns: none spends long on a single token, so the limit of time holds.
LANGUAGES = {
    "bash", "c", "c++", "cpp", "cs", "csharp", "css", "diff", "docker", "dockerfile", "go", "golang", "graphql",
    "haskell", "html", "java", "javascript", "js", "json", "jsx", "kotlin", "latex", "lua", "make", "makefile",
    "objective-c", "perl", "php", "powershell", "py", "python", "python3", "r", "rb", "ruby", "rs", "rust", "scala",
    "sh", "shell", "sql", "swift", "tex", "toml", "ts", "tsx", "typescript", "xml", "yaml", "yml", "zsh",
}  # fmt: skip
CLASSES = {name for name in STANDARD_TYPES.values() if name}


def highlight(code: str, language: str) -> str:
    """Code as HTML spans; escaped only when the language is unknown, the code too long or the lexer too slow."""
    name = language.lower()
    if name in LANGUAGES and len(code) <= MAX_CODE:
        lexer = _lexer(name)
        deadline = time.perf_counter() + MAX_SECONDS
        spans = []
        for kind, text in lexer.get_tokens(code):
            spans.append(_span(kind, text))
            if time.perf_counter() > deadline:
                break
        else:
            return "".join(spans)
    return html.escape(code, quote=False)


def _span(kind: _TokenType, text: str) -> str:
    classes = STANDARD_TYPES.get(kind, "")
    escaped = html.escape(text, quote=False)
    return f'<span class="{classes}">{escaped}</span>' if classes else escaped


@functools.cache
def _lexer(name: str) -> Lexer:
    # Nothing is stripped or added: what is judged is shown as it is.
    return get_lexer_by_name(name, stripnl=False, ensurenl=False)
