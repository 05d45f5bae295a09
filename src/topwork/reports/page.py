"""HTML rendering of the report."""

from __future__ import annotations

import re

from topwork.reports.parts import Missing
from topwork.reports.sections import Page

TEMPLATE = "page.html.j2"

LONG = 32
"""Characters: a longer word of a command fills its line instead of beginning a new one."""

_JOINT = re.compile(r"(_)(?=\w)")
_CODE = re.compile(r"`([^`\n]+)`")


def render(page: Page) -> str:
    """Return the page's HTML. All that is not ours (labels, names, texts) is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup, escape

    def coded(text: str) -> Markup:
        return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))

    def worded(command: str) -> Markup:
        """A command that breaks between its words, and within those that are long paths."""
        parts = [
            Markup('<span class="{}">{}</span>').format(
                "long" if len(word) > LONG else "word", word
            )
            for word in command.split(" ")
        ]
        return Markup(" ").join(parts)

    def label(name: str) -> Markup:
        """A name that may break after each of its joints: `card_not_working`."""
        return Markup(_JOINT.sub(r"\1<wbr>", str(escape(name))))

    environment = Environment(
        loader=PackageLoader("topwork.reports"),
        autoescape=True,  # always: a label may be called <script>
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["missing"] = lambda part: isinstance(part, Missing)
    environment.filters["drawn"] = Markup  # of charts, whose words svg.py and matplotlib escape
    environment.filters["coded"] = coded
    environment.filters["worded"] = worded
    environment.filters["label"] = label
    return environment.get_template(TEMPLATE).render(page=page)
