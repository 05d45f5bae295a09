"""Drawings on the page: in its colours and its type, with words for those who do not see them."""

import re
from xml.etree import ElementTree

from topwork.reports.svg import FIRST, INK, MUTED, PAPER, RULE, SECOND, THIRD, drawing, to_svg

SENTINELS = (INK, MUTED, RULE, FIRST, SECOND, THIRD, PAPER)


def drawn(name: str = "one", title: str = "A title") -> str:
    with drawing(200) as figure:
        axes = figure.add_subplot()
        axes.errorbar([1, 2], [3, 4], [[1, 1], [1, 1]], fmt="o", color=FIRST, label="<b>")
        axes.fill_between([1, 2], [2, 3], [4, 5], color=SECOND, alpha=0.2)
        axes.plot([1, 2], [1, 2], color=THIRD)
        axes.set_ylabel("a & b < c")
        axes.grid(color=RULE)
        axes.legend()
        return to_svg(figure, name=name, title=title, description='it says "so"')


def test_it_is_one_well_formed_element() -> None:
    root = ElementTree.fromstring(drawn())
    assert root.tag == "svg"
    assert root.get("role") == "img"
    assert root.get("aria-label") == 'A title: it says "so"'
    assert root.findtext("title") == "A title"
    assert root.get("viewBox") is not None
    assert root.get("width") is None, "the page decides how wide it is"


def test_its_colours_are_the_pages() -> None:
    svg = drawn()
    assert not [colour for colour in SENTINELS if colour in svg.lower()]
    for variable in ("--ink", "--first", "--second", "--third", "--rule"):
        assert f"var({variable})" in svg
    assert not re.findall(r"#[0-9a-f]{6}\b", svg), "no colour of matplotlib's own"


def test_its_text_is_text_in_the_pages_type() -> None:
    svg = drawn()
    assert "font-family" not in svg
    assert "font: " not in svg
    texts = [element.text for element in ElementTree.fromstring(svg).iter("text")]
    assert "a & b < c" in texts
    assert "<b>" in texts


def test_its_ids_are_its_own_and_lead_somewhere() -> None:
    svg = drawn("one") + drawn("two")
    ids = re.findall(r'\bid="([^"]+)"', svg)
    assert len(ids) == len(set(ids))
    wanted = re.findall(r'(?:href="#|url\(#)([^")]+)', svg)
    assert wanted
    assert set(wanted) <= set(ids)


def test_nothing_reaches_beyond_it() -> None:
    svg = drawn(title='<script>"x"</script>')
    assert "<script" not in svg
    assert "<style" not in svg
    assert "metadata" not in svg
    assert "http" not in svg
