"""Curves as SVG, for the docs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

COLOURS = ["#6b7280", "#d97706", "#2563eb", "#059669"]
WIDTH, HEIGHT, MARGIN, GAP = 420, 260, 46, 30
PER_ROW = 2


@dataclass(frozen=True)
class Curve:
    name: str
    y: NDArray[np.float64]


@dataclass(frozen=True)
class Panel:
    """Curves over the same numbers."""

    title: str
    x: NDArray[Any]
    curves: Sequence[Curve]


def draw_panels(panels: Sequence[Panel]) -> str:
    """Panels in rows of two, each with its axes and a legend."""
    across, down = PER_ROW * WIDTH, -(-len(panels) // PER_ROW) * HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {across} {down}"',
        ' font-family="sans-serif" font-size="11">',
        f'<rect width="{across}" height="{down}" fill="#ffffff"/>',
    ]
    for n, panel in enumerate(panels):
        parts.append(f'<g transform="translate({n % PER_ROW * WIDTH},{n // PER_ROW * HEIGHT})">')
        parts += draw_panel(panel)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>\n"])


def draw_panel(panel: Panel) -> list[str]:
    left, right, top, bottom = MARGIN, WIDTH - GAP / 2, GAP, HEIGHT - GAP
    # The first points would press everything else flat: the axis begins further in.
    values = np.concatenate([curve.y[len(curve.y) // 20 :] for curve in panel.curves])
    low, high, most = float(values.min()), float(values.max()), float(panel.x.max())

    def across(x: float) -> str:
        return f"{left + (right - left) * x / most:.1f}"

    def down(y: float) -> str:
        return f"{bottom - (bottom - top) * (min(max(y, low), high) - low) / (high - low):.1f}"

    parts = [text(left, "16", panel.title, "#111827")]
    for y in np.linspace(low, high, 5):
        parts.append(f'<path d="M{left},{down(y)}H{right}" stroke="#e5e7eb" fill="none"/>')
        parts.append(text(left - 6, down(y), f"{y:.2f}" if high < 10 else f"{y:.0f}", "#4b5563", "end"))
    for x in np.linspace(0, most, 5):
        parts.append(text(across(x), f"{bottom + 15}", f"{x:,.0f}", "#4b5563", "middle"))
    for n, curve in enumerate(panel.curves):
        points = " ".join(f"{across(x)},{down(y)}" for x, y in zip(panel.x, curve.y, strict=True))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[n]}" stroke-width="1.6"/>')
        # In the corner that curves leave free: they rise to the right, or fall.
        place = bottom - 12 - 15 * n if curve.y[-1] > curve.y[0] else top + 14 + 15 * n
        parts.append(text(right - 4, f"{place}", curve.name, COLOURS[n], "end"))
    return parts


def text(x: object, y: str, words: str, colour: str, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}">{escape(words)}</text>'
