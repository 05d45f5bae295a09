"""HTML rendering of the report."""

from __future__ import annotations

import re

from topwork.reports.parts import Missing, Page

TEMPLATE = "page.html.j2"

_CODE = re.compile(r"`([^`\n]+)`")


def render(page: Page) -> str:
    """Return the page's HTML. All that is not ours (labels, names, texts) is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup, escape

    def coded(text: str) -> Markup:
        return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))

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
    return environment.get_template(TEMPLATE).render(page=page)
