"""Curves as SVG, for the docs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

COLOURS = ["#6b7280", "#d97706", "#2563eb", "#059669"]
WIDTH, HEIGHT, MARGIN, GAP = 420, 260, 46, 30
PER_ROW = 2


@dataclass(frozen=True)
class Curve:
    name: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]


@dataclass(frozen=True)
class Panel:
    title: str
    curves: Sequence[Curve]


def draw_panels(panels: Sequence[Panel]) -> str:
    """Panels in rows of two, each with its axes and a legend."""
    rows = -(-len(panels) // PER_ROW)
    across, down = PER_ROW * WIDTH, rows * HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {across} {down}" font-family="sans-serif" font-size="11">',
        f'<rect width="{across}" height="{down}" fill="#ffffff"/>',
    ]
    for n, panel in enumerate(panels):
        parts.append(f'<g transform="translate({n % PER_ROW * WIDTH},{n // PER_ROW * HEIGHT})">')
        parts += draw_panel(panel)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>\n"])


def draw_panel(panel: Panel) -> list[str]:
    left, right, top, bottom = MARGIN, WIDTH - GAP / 2, GAP, HEIGHT - GAP
    x_most = max(float(curve.x.max()) for curve in panel.curves)
    # Where the first judgments would press everything else flat, the axis begins further in.
    values = np.concatenate([curve.y[len(curve.y) // 20 :] for curve in panel.curves])
    low, high = float(values.min()), float(values.max())

    def at(x: float, y: float) -> str:
        across = left + (right - left) * x / x_most
        down = bottom - (bottom - top) * (min(max(y, low), high) - low) / (high - low)
        return f"{across:.1f},{down:.1f}"

    parts = [f'<text x="{left}" y="16" fill="#111827">{escape(panel.title)}</text>']
    for y in np.linspace(low, high, 5):
        across, down = at(0, float(y)).split(",")
        parts.append(f'<path d="M{across},{down}H{right}" stroke="#e5e7eb" fill="none"/>')
        label = f"{y:.2f}" if high < 10 else f"{y:.0f}"
        parts.append(f'<text x="{left - 6}" y="{float(down) + 4:.1f}" text-anchor="end" fill="#4b5563">{label}</text>')
    for x in np.linspace(0, x_most, 5):
        across = at(float(x), low).split(",")[0]
        parts.append(f'<text x="{across}" y="{bottom + 15}" text-anchor="middle" fill="#4b5563">{x:,.0f}</text>')
    for n, curve in enumerate(panel.curves):
        points = " ".join(at(float(x), float(y)) for x, y in zip(curve.x, curve.y, strict=True))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[n]}" stroke-width="1.6"/>')
        # In the corner that curves leave free: they rise to the right, or fall.
        place = bottom - 12 - 15 * n if curve.y[-1] > curve.y[0] else top + 14 + 15 * n
        parts.append(
            f'<text x="{right - 4}" y="{place}" text-anchor="end" fill="{COLOURS[n]}">{escape(curve.name)}</text>'
        )
    return parts
