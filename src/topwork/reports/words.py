"""Numbers in words."""

from __future__ import annotations

from topwork.evaluation.intervals import Estimate


def percent(score: Estimate | float | None) -> str:
    """`89.3%`; nothing for None. Never 100% of what falls short of it, nor 0% of what is more."""
    if score is None:
        return ""
    value = score.value if isinstance(score, Estimate) else score
    shown = f"{100 * value:.1f}"
    if shown == "100.0":
        return "100%" if value >= 1 else ">99.9%"
    if shown == "0.0":
        return "0%" if value <= 0 else "<0.1%"
    return f"{shown}%"


def whole_percent(chance: float) -> str:
    """`93%`; `>99%` and `<1%` at the ends, for nothing is certain."""
    if chance >= 0.995:
        return ">99%"
    return "<1%" if chance < 0.005 else f"{100 * chance:.0f}%"


def span(score: Estimate | None) -> str:
    """`87.4 to 90.9%`."""
    return "" if score is None else f"{100 * score.low:.1f} to {100 * score.high:.1f}%"


def points(value: float) -> str:
    """`+4.0 points`, with a true minus; a value of 1 is 100 points."""
    return f"{100 * value:+.1f} points".replace("-", "−")


def points_span(low: float, high: float) -> str:
    """`−0.5 to +1.3`."""
    return f"{100 * low:+.1f} to {100 * high:+.1f}".replace("-", "−")


def seconds(value: float) -> str:
    """`0.4 s`, `12 s`, `3 min 20 s`, `1 h 05 min`."""
    if value < 10:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """`1 photo`, `1,204 photos`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
