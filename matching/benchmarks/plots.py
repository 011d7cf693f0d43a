"""Draw a scatter of two growing quantities as SVG, both axes logarithmic."""

from collections.abc import Sequence
from html import escape
from math import ceil, floor, log10
from typing import Final

_WIDE, _HIGH, _EDGE = 640, 400, 64
_INK: Final = "#1f2933"
_DOT: Final = "#0b6e99"


def log_log(
    points: Sequence[tuple[float, float, str]], across: str, up: str, title: str
) -> str:
    """Return a plot of points with a line of slope 1 through their middle.

    Parameters
    ----------
    points : sequence of (float, float, str)
        Both above 0, and a label.
    across, up, title : str
        Of the axes and of the whole.

    Raises
    ------
    ValueError
        Without points.
    """
    if not points:
        raise ValueError("nothing to plot")
    left, right = _decades([x for x, _, _ in points])
    low, high = _decades([y for _, y, _ in points])

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            _EDGE + (log10(x) - left) / (right - left) * (_WIDE - 2 * _EDGE),
            _HIGH - _EDGE - (log10(y) - low) / (high - low) * (_HIGH - 2 * _EDGE),
        )

    drawn = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {_HIGH}" '
            f'font-family="sans-serif" font-size="12" fill="{_INK}">'
        ),
        f'<rect width="{_WIDE}" height="{_HIGH}" fill="white"/>',
        (
            f'<text x="{_WIDE / 2}" y="28" text-anchor="middle" font-size="15">'
            f"{escape(title)}</text>"
        ),
        (
            f'<text x="{_WIDE / 2}" y="{_HIGH - 14}" text-anchor="middle">'
            f"{escape(across)}</text>"
        ),
        (
            f'<text transform="translate(16 {_HIGH / 2}) rotate(-90)" '
            f'text-anchor="middle">{escape(up)}</text>'
        ),
    ]
    for decade in range(left, right + 1):
        x, bottom = place(10.0**decade, 10.0**low)
        drawn.append(_line(x, bottom, x, _EDGE))
        drawn.append(_text(x, bottom + 16, f"{10.0**decade:g}", "middle"))
    for decade in range(low, high + 1):
        side, y = place(10.0**left, 10.0**decade)
        drawn.append(_line(side, y, _WIDE - _EDGE, y))
        drawn.append(_text(side - 6, y + 4, f"{10.0**decade:g}", "end"))
    ratios = sorted(y / x for x, y, _ in points)
    middle = ratios[len(ratios) // 2]
    ends = (min(x for x, _, _ in points), max(x for x, _, _ in points))
    (x1, y1), (x2, y2) = (place(x, middle * x) for x in ends)
    drawn.append(
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        f'stroke="{_DOT}" stroke-dasharray="5 4"/>'
    )
    for x, y, label in points:
        at, level = place(x, y)
        drawn.append(f'<circle cx="{at:.1f}" cy="{level:.1f}" r="4" fill="{_DOT}"/>')
        drawn.append(_text(at + 7, level + 14, label, "start"))
    return "\n".join([*drawn, "</svg>", ""])


def _decades(values: Sequence[float]) -> tuple[int, int]:
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    return low, max(high, low + 1)


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        'stroke="#d5dbe1"/>'
    )


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
    )
