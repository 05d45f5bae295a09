"""The page itself: whole, safe from what it shows, in colours that can be read."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import product
from pathlib import Path

import pytest

import topwork.reports.page
from tests.reports.made import page
from topwork.reports.page import render
from topwork.reports.parts import Fact, Shown
from topwork.reports.sections import Mistakes

STYLE = (Path(topwork.reports.page.__file__).parent / "templates" / "page.css").read_text()
VOID = {"meta", "link", "img", "br", "hr", "input", "wbr"}
NASTY = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}{% raw %}&amp;"


class Checked(HTMLParser):
    """Notes the elements, and that each is closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, name: str) -> list[str]:
        return [attrs[name] or "" for _, attrs in self.elements if name in attrs]


def test_it_is_well_formed_and_its_links_lead_somewhere() -> None:
    found = Checked(render(page()))
    ids = found.all("id")
    assert len(ids) == len(set(ids))
    inside = {href[1:] for href in found.all("href") if href.startswith("#")}
    assert inside <= set(ids)
    assert {"scores", "mistakes", "learning", "problems", "layers", "provenance", "worth"} <= inside
    labelled = set(found.all("aria-labelledby"))
    assert labelled <= set(ids)


def test_it_asks_the_network_for_nothing() -> None:
    text = render(page())
    found = Checked(text)
    for value in found.all("src") + found.all("href"):
        assert value.startswith(("data:", "#"))
    assert "http" not in text.replace("http-equiv", "")
    assert "@import" not in text
    assert not re.findall(r"url\((?!#)", text)
    policy = next(a["content"] or "" for _, a in found.elements if a.get("http-equiv"))
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy, "the default holds: no script runs"
    assert not [tag for tag, _ in found.elements if tag in ("script", "iframe", "object", "form")]


def test_what_users_write_stays_text() -> None:
    plain, nasty = Checked(render(page("word"))), Checked(render(page(NASTY)))
    assert [tag for tag, _ in nasty.elements] == [tag for tag, _ in plain.elements]
    assert [set(a) for _, a in nasty.elements] == [set(a) for _, a in plain.elements]
    assert NASTY in nasty.words
    assert "49" not in nasty.words.replace(NASTY, ""), "and is no template"


def test_pictures_and_tables_can_be_heard() -> None:
    found = Checked(render(page()))
    for tag, attrs in found.elements:
        if tag == "img":
            assert attrs.get("alt")
            assert attrs.get("width")
        if tag == "th":
            assert attrs.get("scope") in ("col", "row")
    assert found.elements[0] == ("html", {"lang": "en"})


def test_what_is_missing_says_why() -> None:
    words = Checked(render(page("a reason"))).words
    assert words.count("a reason") > 40


def test_code_in_sentences_is_set_as_code() -> None:
    assert "<code>topwork word</code>" in render(page())


def test_many_classes_are_folded() -> None:
    assert "The other 5 classes" in render(page())


def colours(block: str) -> dict[str, tuple[float, ...]]:
    """The variables of a block of the style: hexadecimal, or red, green and blue apart."""
    found = {}
    for name, value in re.findall(r"--(\w+): ([^;]+);", block):
        if re.fullmatch(r"#[0-9a-f]{6}", value):
            found[name] = tuple(int(value[i : i + 2], 16) / 255 for i in (1, 3, 5))
        elif value == "#fff":
            found[name] = (1.0, 1.0, 1.0)
        elif value in ("#000", "#555"):
            found[name] = (int(value[1], 16) / 15,) * 3
        elif re.fullmatch(r"\d+ \d+ \d+", value):
            found[name] = tuple(int(part) / 255 for part in value.split())
    return found


def contrast(first: tuple[float, ...], second: tuple[float, ...]) -> float:
    """WCAG 2.2's contrast ratio, from its own formula."""

    def luminance(colour: tuple[float, ...]) -> float:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
        return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def mixed(colour: tuple[float, ...], share: float, paper: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(share * c + (1 - share) * p for c, p in zip(colour, paper, strict=True))


BLOCKS = re.findall(r":root \{([^}]*)\}", STYLE)


def test_there_is_a_light_a_dark_and_a_printed_page() -> None:
    assert len(BLOCKS) == 3
    assert contrast((1, 1, 1), (0, 0, 0)) == pytest.approx(21)


@pytest.mark.parametrize("block", BLOCKS, ids=["light", "dark", "print"])
def test_all_text_can_be_read(block: str) -> None:
    own = colours(block)
    grounds = ("paper", "soft")
    inks = ("ink", "muted", "first", "second", "third")
    for ink, ground in product(inks, grounds):
        assert contrast(own[ink], own[ground]) >= 4.5, (ink, ground)  # WCAG AA


@pytest.mark.parametrize("block", BLOCKS, ids=["light", "dark", "print"])
def test_text_can_be_read_on_every_shade(block: str) -> None:
    own = colours(block)
    right, wrong, words = 0.45, 0.53, 0.44  # the strongest of page.css
    assert "calc(.03 + .42 * var(--heat))" in STYLE
    assert "calc(.03 + .5 * var(--heat))" in STYLE
    assert "calc(.11 * var(--n))" in STYLE
    shades = [(own["for"], right), (own["against"], wrong), (own["for"], words),
              (own["against"], words)]  # fmt: skip
    for colour, share in shades:
        assert contrast(own["ink"], mixed(colour, share, own["paper"])) >= 4.5, (colour, share)


def test_a_command_is_copied_as_it_is() -> None:
    found = Checked(render(page("it's")))
    assert "topwork it's" in found.words, "its words stand apart by blanks alone"
    copied = [attrs for _, attrs in found.elements if "copy" in (attrs.get("class") or "")]
    assert len(copied) >= 4, "two steps, the mail, the code"
    assert all(attrs.get("tabindex") == "0" for attrs in copied)
    assert "user-select: all" in STYLE, "one click takes all of it"


def test_a_long_label_breaks_at_its_joints() -> None:
    text = render(page("balance_not_updated"))
    assert "<b>balance_<wbr>not_<wbr>updated</b>" in text
    assert "balance_not_updated" in Checked(text).words, "and is copied whole"


def test_the_page_begins_with_how_good_the_model_is() -> None:
    text = render(page())
    places = [text.index(mark) for mark in ('class="headline"', 'class="tiles', 'class="steps"',
                                            'id="worth"', 'id="scores"')]  # fmt: skip
    assert places == sorted(places)


def test_what_is_long_is_folded() -> None:
    text = render(page("a word"))
    folds = re.findall(r"<details.*?</details>", text, re.DOTALL)
    assert any("block by block" in fold for fold in folds)
    assert any('class="gallery' in fold for fold in folds)
    assert any("<pre>a word</pre>" in fold for fold in folds), "the recipe"


def test_a_thumbnail_opens_without_a_script() -> None:
    found = Checked(render(page()))
    opened = {attrs["popovertarget"] for tag, attrs in found.elements if tag == "button"}
    assert opened == {"large-0"}
    assert [attrs["id"] for _, attrs in found.elements if "popover" in attrs] == ["large-0"]


def test_what_was_shortened_stands_in_the_title() -> None:
    parts = page()
    named = replace(
        parts.mistakes.wrong[0], shown=Shown(name="a…z.jpg", whole_name="train/a-to-z.jpg")
    )
    fact = Fact(name="digest", value="0123…", is_code=True, whole="0123456789")
    changed = replace(
        parts,
        mistakes=Mistakes(wrong=[named]),
        provenance=replace(parts.provenance, facts=[fact]),
    )
    found = Checked(render(changed))
    assert {"train/a-to-z.jpg", "0123456789"} <= set(found.all("title"))
    assert "0123456789" not in found.words
    assert "a-to-z" not in found.words
