"""Which model is asked what spoke for a mistake: one that has not seen the example."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.reports.made import changed
from topwork.evidence.attribution import images
from topwork.model.model import Model, load
from topwork.model.predictions import Predictions
from topwork.reports.assemble import lay_out
from topwork.reports.gather import Gathered, gather
from topwork.reports.layers import FOLDS, HAS_SEEN, TEST_ONLY, what_it_sees
from topwork.reports.parts import Gallery, Missing
from topwork.training.selection import Selection

TITLE = "Regions that spoke for a wrong answer"


class Occluded:
    """Stands for what is seen in an image."""

    def picture(self) -> Image.Image:
        return Image.new("RGB", (8, 8))


@pytest.fixture(scope="module")
def gathered(saved: Path) -> Gathered:
    return gather(load(saved))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Model, str]]:
    """The models that were asked, and about which example."""
    seen: list[tuple[Model, str]] = []

    def regions(model: Model, example, label: str) -> Occluded:  # type: ignore[no-untyped-def]
        seen.append((model, example.digest))
        return Occluded()

    monkeypatch.setattr(images, "regions", regions)
    return seen


def wrong(predictions: Predictions) -> Predictions:
    """The same examples, each taken for the next class."""
    return replace(predictions, probabilities=np.roll(np.eye(3)[predictions.truth], 1, axis=1))


def part(predictions: Predictions, where: slice) -> Predictions:
    """Some of them."""
    names = ("names", "digests", "groups", "truth", "probabilities")
    return replace(predictions, **{name: getattr(predictions, name)[where] for name in names})


def gallery_of(gathered: Gathered, **changes: object) -> Gallery:
    model = changed(gathered.model, **changes)
    found = dict(lay_out(replace(gathered, model=model)).seen)[TITLE]
    assert isinstance(found, Gallery)
    return found


def test_without_torch_a_line_stands_for_its_layers(
    gathered: Gathered, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {"The first layer", "What excites its units"} <= set(dict(what_it_sees(gathered, ())))
    monkeypatch.setattr("topwork.reports.layers.is_installed", lambda name: name != "torch")
    seen = dict(what_it_sees(gathered, ()))
    assert set(seen) == {TITLE, "Its layers"}
    why = seen["Its layers"]
    assert isinstance(why, Missing)
    assert "PyTorch, which is not installed" in why.why
    assert 'pip install "topwork[torch]"' in why.remedy


def test_filters_and_patches_are_folded(gathered: Gathered) -> None:
    seen = dict(what_it_sees(gathered, ()))
    for title in ("The first layer", "What excites its units"):
        gallery = seen[title]
        assert isinstance(gallery, Gallery), gallery
        assert gallery.is_folded


def test_of_a_head_the_model_of_the_fold_is_asked(
    gathered: Gathered, asked: list[tuple[Model, str]]
) -> None:
    predictions, run = gathered.model.oof_predictions, gathered.head_run
    assert predictions is not None
    assert not isinstance(run, Missing)
    assert run.cross_val is not None
    gallery = gallery_of(gathered, oof_predictions=wrong(predictions))
    assert gallery.text.endswith(FOLDS)
    assert len(asked) == len(gallery.figures) == 4
    rows = {example.digest: row for row, example in enumerate(run.examples)}
    for model, digest in asked:
        said = model.predict_proba([run.examples[rows[digest]].read()])
        left_out = run.cross_val.probabilities[0, rows[digest]]
        np.testing.assert_allclose(said[0], left_out, atol=0.02)
        assert model.head is not gathered.model.head


def test_of_trained_blocks_the_page_says_that_the_model_has_seen_it(
    gathered: Gathered, asked: list[tuple[Model, str]]
) -> None:
    predictions = gathered.model.oof_predictions
    assert predictions is not None
    gallery = gallery_of(
        gathered, oof_predictions=wrong(predictions), selection=Selection(strategy="last:2")
    )
    assert gallery.text.endswith(HAS_SEEN)
    assert {model.head for model, _ in asked} == {gathered.model.head}


def test_of_trained_blocks_mistakes_of_the_test_part_alone_are_shown(
    gathered: Gathered, asked: list[tuple[Model, str]]
) -> None:
    predictions = gathered.model.oof_predictions
    assert predictions is not None
    in_test, left_out = (part(wrong(predictions), where) for where in (slice(0, 3), slice(3, None)))
    gallery = gallery_of(
        gathered,
        oof_predictions=left_out,
        test_predictions=in_test,
        selection=Selection(strategy="last:2"),
    )
    assert gallery.text.endswith(TEST_ONLY)
    assert [digest for _, digest in asked] == list(in_test.digests)
    asked.clear()
    both = gallery_of(gathered, oof_predictions=left_out, test_predictions=in_test)
    assert FOLDS in both.text
    assert both.text.endswith("Of the test part the finished model is asked.")
    assert [model.head is gathered.model.head for model, _ in asked] == [True] * 3 + [False]
