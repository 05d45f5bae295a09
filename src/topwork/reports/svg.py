"""SVG charts in the page's own style.

Matplotlib is given colours that stand for the page's own; afterwards they are replaced by the CSS
variables, so that the same drawing follows the light and the dark page, and print.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, MUTED, RULE = "#010203", "#040506", "#070809"
FIRST, SECOND, THIRD, PAPER = "#0a0b0c", "#0d0e0f", "#101112", "#131415"

_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    RULE: "var(--rule)",
    FIRST: "var(--first)",
    SECOND: "var(--second)",
    THIRD: "var(--third)",
    PAPER: "var(--paper)",
}

WIDTH = 400
"""Units across. A telephone shows them at about nine tenths, so type of 11 stays readable."""

_SETTINGS: Any = {
    "svg.fonttype": "none",  # text stays text: it can be searched, read aloud, and set by the page
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.facecolor": "none",
    "axes.labelsize": 11,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 10.5,
    "ytick.labelsize": 10.5,
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 10.5,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "lines.linewidth": 1.8,
}


@contextmanager
def drawing(height: int) -> Iterator[Figure]:
    """Yield an empty figure of WIDTH x `height` units, in the page's manner."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_SETTINGS):
        yield Figure(figsize=(WIDTH / 72, height / 72), layout="constrained")


def to_svg(figure: Figure, *, name: str, title: str, description: str) -> str:
    """Return the figure as one `svg` element for HTML. Call it while `drawing` is open.

    Args:
        name: letters and hyphens, of its own on the page: the ids begin with it.
        title: its short name, for those who hear the page.
        description: what is to be seen, in a sentence.
    """
    import matplotlib

    buffer = io.StringIO()
    nothing: Any = {"Creator": None, "Date": None, "Format": None, "Type": None}
    with matplotlib.rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata=nothing)
    return page_svg(buffer.getvalue(), name=name, title=title, description=description)


def page_svg(text: str, *, name: str, title: str, description: str) -> str:
    """Return an SVG file's element without what HTML has no use for, in the page's colours."""
    box = re.search(r'viewBox="([-\d. ]+)"', text)
    body = text[text.index(">", text.index("<svg")) + 1 : text.rindex("</svg>")]
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", body, flags=re.S)
    body = re.sub(r"<defs>\s*</defs>", "", body)
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = re.sub(r'(?:xlink:)?href="#', f'href="#{name}-', body)
    body = body.replace("url(#", f"url(#{name}-")
    body = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", body)
    body = re.sub(r"font-family: [^;\"]*;? ?", "", body)
    for colour, variable in _VARIABLES.items():
        body = body.replace(colour, variable)
    body = re.sub(r"\n\s*", "\n", body)
    view = box.group(1) if box else f"0 0 {WIDTH} {WIDTH}"
    return (
        f'<svg class="chart" role="img" viewBox="{view}" aria-label="{escape(title)}: '
        f'{escape(description)}"><title>{escape(title)}</title>{body}</svg>'
    )
