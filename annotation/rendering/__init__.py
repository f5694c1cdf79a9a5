"""Content as logged → safe HTML. Model output is hostile: nothing of it runs, loads, breaks out or hides."""

from annotation.rendering.content import render_output, render_prompt, render_tools
from annotation.rendering.markdown import first_line, render_markdown

__all__ = ["first_line", "render_markdown", "render_output", "render_prompt", "render_tools"]
