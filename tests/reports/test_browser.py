"""The page in a browser: quiet, whole on a telephone, and its links open what they should.

Skipped where no Chromium is installed.
"""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.reports.made import changed
from topwork.model.model import load
from topwork.reports.assemble import WrittenReport, report

ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PROGRAM = next((path for path in map(shutil.which, NAMES) if path), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium is installed"),
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch_persistent_context(
            str(tmp_path_factory.mktemp("profile")), executable_path=PROGRAM, args=ARGUMENTS
        )
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def page(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> WrittenReport:
    """A report with mistakes in it, and names that are long."""
    model = load(saved)
    assert model.oof_predictions is not None
    pays_probability = model.oof_predictions.probabilities[
        :, [1, 0, 2]
    ]  # `one` and `two` are exchanged
    wrong = replace(model.oof_predictions, probabilities=pays_probability)
    classes = ("one_and_only_that_is_very_long_indeed", "two", "zero" * 30)
    folder = tmp_path_factory.mktemp("browser")
    changed(model, oof_predictions=wrong, classes=classes).save(folder / "model")
    return report(folder / "model", folder / "page.html")


@pytest.mark.parametrize("width", [390, 800, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_quiet_and_fits(browser: Any, page: WrittenReport, width: int, scheme: str) -> None:
    said, asked = [], []
    view = browser.new_page()
    try:
        view.on("console", lambda message: said.append(message.text))
        view.on("pageerror", lambda error: said.append(str(error)))
        view.on("request", lambda request: asked.append(request.url))
        view.set_viewport_size({"width": width, "height": 844})
        view.emulate_media(color_scheme=scheme)
        view.goto(page.path.as_uri())
        assert view.evaluate("document.documentElement.scrollWidth") <= width
        broken = "[...document.images].filter(i => i.complete && !i.naturalWidth).length"
        assert view.evaluate(broken) == 0
        paper = view.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, paper[4:-1].split(","))) < 200) == (scheme == "dark")
        ink = view.evaluate("getComputedStyle(document.body).color")
        text = "getComputedStyle(document.querySelector('svg.chart text')).fill"
        assert view.evaluate(text) == ink, "the drawings follow the page"
        assert said == []
        beyond = [url for url in asked if not url.startswith(("data:", page.path.as_uri()))]
        assert beyond == []
    finally:
        view.close()


def test_a_cell_opens_its_examples(browser: Any, page: WrittenReport) -> None:
    view = browser.new_page()
    try:
        view.goto(page.path.as_uri())
        assert not view.is_visible("#cv-0-1")
        view.click('a[href="#cv-0-1"]')
        assert view.is_visible("#cv-0-1")
        assert not view.is_visible("#cv-1-0")
        view.click('.behind > .hint a[href="#cv-all"]')
        assert view.is_visible("#cv-0-1")
        assert view.is_visible("#cv-1-0")
    finally:
        view.close()


def test_it_can_be_printed(browser: Any, page: WrittenReport) -> None:
    view = browser.new_page()
    try:
        view.goto(page.path.as_uri())
        assert view.pdf(format="A4").startswith(b"%PDF")
        view.emulate_media(media="print", color_scheme="dark")
        assert view.evaluate("getComputedStyle(document.body).backgroundColor") == (
            "rgb(255, 255, 255)"
        ), "paper is white"
        assert not view.is_visible("nav")
    finally:
        view.close()


def test_nothing_is_cut_off_on_a_telephone(browser: Any, page: WrittenReport) -> None:
    view = browser.new_page()
    try:
        view.set_viewport_size({"width": 390, "height": 844})
        view.goto(page.path.as_uri())
        boxes = "[...document.querySelectorAll('.scroll')]"
        wide = f"{boxes}.filter(e => e.scrollWidth > e.clientWidth + 1)"
        assert view.evaluate(f"{wide}.map(e => e.getAttribute('aria-label'))") == []
        right = "Math.max(...[...document.querySelectorAll('.tiles *, .steps *, .mail')].map("
        assert view.evaluate(f"{right}e => e.getBoundingClientRect().right))") <= 390
    finally:
        view.close()


def test_thumbnails_are_alike_and_open_large(browser: Any, page: WrittenReport) -> None:
    view = browser.new_page()
    try:
        view.set_viewport_size({"width": 1400, "height": 900})
        view.goto(page.path.as_uri())
        boxes = "[...document.querySelectorAll('.tiles .thumb')]"
        sizes = view.evaluate(f"{boxes}.map(e => [e.clientWidth, e.clientHeight])")
        assert len(sizes) == 3
        assert all(size == sizes[0] and size[0] == size[1] for size in sizes)
        thumb = ".tiles button.thumb >> nth=0"
        large = f"#{view.get_attribute(thumb, 'popovertarget')}"
        assert not view.is_visible(large)
        view.click(thumb)
        assert view.is_visible(large)
        assert view.evaluate(f"document.querySelector('{large} img').clientWidth") > sizes[0][0]
        view.keyboard.press("Escape")
        assert not view.is_visible(large)
    finally:
        view.close()


def test_the_first_screen_holds_what_matters(browser: Any, page: WrittenReport) -> None:
    view = browser.new_page()
    try:
        view.set_viewport_size({"width": 1400, "height": 900})
        view.goto(page.path.as_uri())
        for what in (".headline", ".tiles li:last-child", ".steps li:last-child"):
            below = f"document.querySelector('{what}').getBoundingClientRect().bottom"
            assert view.evaluate(below) <= 900, what
    finally:
        view.close()


def test_a_command_is_taken_whole_by_one_click(browser: Any, page: WrittenReport) -> None:
    view = browser.new_page()
    try:
        view.goto(page.path.as_uri())
        view.click(".steps .copy >> nth=0")
        taken = view.evaluate("getSelection().toString()")
        assert taken.startswith("topwork ")
        assert str(page.path.parent / "model") in taken
        assert "\n" not in taken
    finally:
        view.close()
