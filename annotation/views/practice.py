"""The practice card: a comparison of our own writing that nothing is kept of, to try the keys on."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from django.utils.safestring import SafeString

from annotation.rendering import render_output, render_prompt

PROMPT = "How long do I boil an egg so that the yolk stays soft? Medium size, straight from the fridge."
LEFT = "About **six minutes**, counted from when the water boils again. Then into cold water, or it goes on cooking."
RIGHT = (
    "Eggs are a wonderful source of protein and have been eaten for thousands of years. There are many ways to cook "
    "an egg, and everybody likes theirs differently. Boil it for a while and see how you like it!"
)


@dataclass(frozen=True)
class Practice:
    """What the card shows, as annotation.views.desk.Card but without a lease."""

    prompt: SafeString
    left: SafeString
    right: SafeString


@functools.cache
def practice_card() -> Practice:
    """The card; it is the same for everybody."""
    return Practice(render_prompt(PROMPT), render_output(LEFT), render_output(RIGHT))
