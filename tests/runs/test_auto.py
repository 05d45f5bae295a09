"""The head alone, or blocks trained too where that pays."""

import logging
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests import small
from topwork.backbones.base import Backbone
from topwork.backbones.modules import from_module
from topwork.core.files import CACHE_VARIABLE
from topwork.errors import BackboneError, ModelError, SettingError, TrainingError
from topwork.heads.labels import Labels
from topwork.model.model import Model, load
from topwork.runs import auto
from topwork.runs.auto import NO_TORCH, NOTHING, UNFINISHED
from topwork.runs.train import train
from topwork.training import candidates
from topwork.training.incumbent import Incumbent
from topwork.training.selection import Selection

QUICK: dict[str, Any] = {"num_folds": 2, "epochs": 2, "num_views": 2, "augment": ["shift"]}


def of_chance() -> tuple[list[small.Pixels], list[str]]:
    """Return pictures with labels that nothing in them tells."""
    images, _ = small.colours(3, 12)
    return images, [f"c{i % 3}" for i in range(36)]


def test_too_few_errors_are_not_worth_a_trial(digits: Path, tiny_backbone: Backbone) -> None:
    stages: set[str] = set()
    model = train(digits, backbone=tiny_backbone, on_progress=lambda stage, *_: stages.add(stage))
    assert model.recipe.train == "auto"
    assert model.selection.strategy == "head"
    assert "30 examples left out it gets 0 wrong" in model.selection.reason
    assert [row.strategy for row in model.selection.candidates] == ["head"]
    assert stages == {"read", "features of altered views", "features", "cross-validate"}


def test_auto_tries_what_goes_deeper(tiny_backbone: Backbone) -> None:
    images, labels = of_chance()
    stages: set[str] = set()
    model = train(
        images, labels, backbone=tiny_backbone, num_repeats=1, **QUICK, time_limit="5m",
        on_progress=lambda stage, *_: stages.add(stage),
    )  # fmt: skip
    assert stages >= {"read", "features", "cross-validate", "views", "try last:1"}
    selection = model.selection
    assert [row.strategy for row in selection.candidates][:2] == ["head", "last:1"]
    head, deeper = selection.candidates[:2]
    assert head.num_examples == 36
    assert head.gain is None
    assert deeper.gain is not None
    assert selection.reason
    assert selection.strategy in [row.strategy for row in selection.candidates]
    assert bool(selection.trained) == (selection.strategy != "head")
    assert model.recipe.train == "auto"


def test_auto_takes_what_pays(
    digits: Path, tiny_backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def always_wrong(chances: object, labels: Labels, seconds: float) -> Incumbent:
        right = np.zeros(len(labels.classes))
        return Incumbent(name="head", right=right, seconds=seconds)

    monkeypatch.setattr(Incumbent, "of_head", always_wrong)
    settings = {**QUICK, "epochs": 25, "lr": 3e-3, "batch_size": 8, "num_repeats": 1}
    heads = Heads(tmp_path / "m")
    model = train(digits, backbone=tiny_backbone, **settings, out=tmp_path / "m", on_head=heads)
    assert model.selection.strategy == "last:1"
    assert [one.strategy for one in heads.saved] == ["head"]
    saved = load(tmp_path / "m")  # in place of the head
    assert saved.selection == model.selection
    pictures = sorted(digits.rglob("*.png"))
    np.testing.assert_allclose(
        saved.predict_proba(pictures), model.predict_proba(pictures), atol=1e-5
    )
    assert model.selection.reason.startswith("last:1: ")
    assert [row.verdict for row in model.selection.candidates] == ["", "taken"]
    assert model.selection.trained.startswith("The last block and a linear head")
    assert model.evaluation is not None
    assert model.evaluation.accuracy.value == model.selection.candidates[1].accuracy.value


@pytest.mark.parametrize("error", [BackboneError, TrainingError])
def test_auto_stays_with_the_head_where_nothing_deeper_can_be_trained(
    error: type[Exception], tiny_backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*arguments: object, **settings: object) -> None:
        raise error("It is made of glass.")

    monkeypatch.setattr(candidates, "cross_validate", fails)
    images, labels = of_chance()
    model = train(images, labels, backbone=tiny_backbone, num_repeats=1, **QUICK)
    assert model.selection.reason == (
        "The head alone: last:1 could not be trained. It is made of glass."
    )
    assert model.selection.candidates[1].verdict == "not taken: it could not be trained"


def test_auto_leaves_nearest_as_it_is(tiny_backbone: Backbone) -> None:
    images, labels = of_chance()
    model = train(images, labels, backbone=tiny_backbone, num_repeats=1, head="nearest")
    assert model.selection.strategy == "head"
    assert model.selection.reason.startswith("The head alone: `nearest` compares")


def test_auto_without_weights_to_save_is_the_head(digits: Path, tmp_path: Path) -> None:
    model = train(digits, backbone=small.SMALL, num_repeats=1, out=tmp_path / "m", weights=False)
    assert model.recipe.train == "head"
    assert model.selection == Selection(strategy="head")
    with pytest.raises(SettingError, match=r"without weights, so the head.* epochs is 2"):
        train(digits, backbone=small.SMALL, epochs=2, out=tmp_path / "n", weights=False)


# --- the head first, and what is left of a run that was stopped


class Heads:
    """Takes the heads that a run tells of, and what lies on the disk then."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder, self.models, self.saved = folder, list[Model](), list[Selection]()

    def __call__(self, model: Model) -> None:
        self.models.append(model)
        if self.folder is not None:
            self.saved.append(load(self.folder).selection)


def test_the_head_is_saved_before_anything_deeper_is_tried(
    tiny_backbone: Backbone, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    images, labels = of_chance()
    heads = Heads(tmp_path / "m")
    with caplog.at_level(logging.INFO, "topwork"):
        model = train(
            images, labels, backbone=tiny_backbone, num_repeats=1, **QUICK, out=tmp_path / "m",
            on_head=heads, seed=11,
        )  # fmt: skip
    (head,), (saved,) = heads.models, heads.saved
    assert saved == head.selection
    assert saved.strategy == "head"
    assert saved.reason == UNFINISHED
    assert saved.unfinished
    assert saved.candidates == model.selection.candidates[:1]
    assert load(tmp_path / "m").selection == model.selection
    assert model.selection.unfinished == ""
    assert len(model.selection.candidates) == 2
    told = [one.getMessage() for one in caplog.records if one.levelname == "INFO"]
    first = next(i for i, line in enumerate(told) if line.startswith("The head alone: accuracy"))
    assert head.evaluation is not None
    assert str(head.evaluation.accuracy) in told[first]
    assert told[first].endswith(f"Saved to {tmp_path / 'm'}.")
    assert told[first + 1] == (
        "Next: last:1, whether training the last block too is better; 15 minutes at most "
        "(--time-limit). Ctrl-C keeps the head."
    )
    assert re.fullmatch(r"Trying last:1 takes \d+ seconds? at most\.", told[first + 2])


def test_where_nothing_is_tried_there_is_one_model(
    digits: Path, tiny_backbone: Backbone, tmp_path: Path
) -> None:
    heads = Heads()
    train(digits, backbone=tiny_backbone, num_repeats=1, out=tmp_path / "m", on_head=heads)
    assert heads.models == []
    assert load(tmp_path / "m").selection.unfinished == ""


def test_what_was_stopped_goes_on(tiny_backbone: Backbone, tmp_path: Path) -> None:
    images, labels = of_chance()
    settings: dict[str, Any] = {**QUICK, "num_repeats": 1, "lr": 2e-3, "seed": 3}
    folder = tmp_path / "m"
    whole = train(images, labels, backbone=tiny_backbone, **settings, resume=False)

    def stop(stage: str, number: int, total: int) -> None:
        if stage == "try last:1" and number == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(
            images, labels, backbone=tiny_backbone, **settings, resume=False, on_progress=stop,
            out=folder,
        )  # fmt: skip
    left = load(folder)
    assert left.selection.reason == UNFINISHED
    assert UNFINISHED in (folder / "README.md").read_text()
    assert left.evaluation is not None
    assert left.evaluation.accuracy == left.selection.candidates[0].accuracy
    assert len(left.predict(images)) == len(images)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="of other data or settings"):
        train(images, labels, backbone=tiny_backbone, **{**settings, "lr": 1e-3}, out=folder)
    assert load(folder).selection == left.selection
    again = train(images, labels, backbone=tiny_backbone, **settings, out=folder)
    assert again.selection.candidates[1].accuracy == whole.selection.candidates[1].accuracy
    assert load(folder).selection == again.selection
    assert again.selection.unfinished == ""
    with pytest.raises(ModelError, match="holds a model already"):
        train(images, labels, backbone=tiny_backbone, **settings, out=folder)


def test_stopped_in_memory_it_is_stopped(tiny_backbone: Backbone) -> None:
    def stop(stage: str, number: int, total: int) -> None:
        if stage == "try last:1":
            raise KeyboardInterrupt

    images, labels = of_chance()
    with pytest.raises(KeyboardInterrupt):
        train(images, labels, backbone=tiny_backbone, num_repeats=1, **QUICK, on_progress=stop)


def test_of_one_block_there_is_nothing_deeper() -> None:
    images, labels = of_chance()
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, stride=2), torch.nn.ReLU())
    image = small.tiny_backbone().input
    one = from_module(module, blocks=["1"], input=image, name="one block")
    heads = Heads()
    model = train(images, labels, backbone=one, num_repeats=1, on_head=heads)
    assert (model.selection.strategy, model.selection.reason) == ("head", NOTHING)
    assert not heads.models


def test_without_torch_auto_is_the_head(
    tiny_backbone: Backbone, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(auto, "is_installed", lambda name: False)
    images, labels = of_chance()
    with caplog.at_level(logging.INFO, "topwork"):
        model = train(images, labels, backbone=tiny_backbone, num_repeats=1, **QUICK)
    assert (model.selection.strategy, model.selection.reason) == ("head", NO_TORCH)
    assert "topwork[torch]" in caplog.text


CHILD = """
import sys
from pathlib import Path
from tests import small
from tests.runs.test_auto import SLOWER, of_chance
from topwork.model.model import Model, load
from topwork.runs import auto
from topwork.runs.auto import NO_TORCH, NOTHING, UNFINISHED
from topwork.runs.train import train
images, labels = of_chance()
train(
    images, labels, backbone=small.tiny_backbone(), out=sys.argv[1],
    on_progress=lambda *step: print(*step, sep="|", flush=True), **SLOWER,
)
"""
SLOWER: dict[str, Any] = {**QUICK, "num_repeats": 1, "epochs": 40, "seed": 5}


@pytest.mark.slow
def test_killed_at_any_moment_the_head_is_there(tmp_path: Path) -> None:
    images, labels = of_chance()
    expected = train(images, labels, backbone=small.tiny_backbone(), **SLOWER)
    folder = tmp_path / "m"
    for after in (1, 9, 20):  # epochs that were told of
        with subprocess.Popen(
            [sys.executable, "-c", CHILD, str(folder)],
            stdout=subprocess.PIPE, text=True, cwd=small.ROOT,
            env={**os.environ, CACHE_VARIABLE: str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"},
        ) as child:  # fmt: skip
            assert child.stdout is not None
            for line in child.stdout:
                stage, done, _ = line.split("|")
                if stage == "try last:1" and int(done) >= after:
                    break
            child.kill()
        assert child.wait() == -signal.SIGKILL
        left = load(folder)
        assert left.selection.reason == UNFINISHED
        assert left.selection.candidates[0].accuracy == expected.selection.candidates[0].accuracy
        assert len(left.predict(images)) == len(images)  # type: ignore[arg-type]
    last = train(images, labels, backbone=small.tiny_backbone(), out=folder, **SLOWER)
    assert [one.strategy for one in last.selection.candidates] == ["head", "last:1"]
    assert last.selection.candidates[1].accuracy == expected.selection.candidates[1].accuracy
    assert load(folder).selection.unfinished == ""
