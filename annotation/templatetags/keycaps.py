"""Keys as they stand on a keyboard."""

from django import template

register = template.Library()

CAPS = {"ArrowLeft": "←", "ArrowRight": "→", "ArrowUp": "↑", "ArrowDown": "↓"}


@register.filter
def keycap(key: str) -> str:
    """The cap of a key, given by its name in browsers."""
    return CAPS.get(key, key)
