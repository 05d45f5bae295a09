"""What a strategy becomes: its cut, its settings, and as many epochs as time allows."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import small
from topwork.backbones.base import Backbone
from topwork.backbones.registry import get_backbone
from topwork.core import files
from topwork.core.options import RunOptions
from topwork.errors import SettingError
from topwork.examples.sources import read_examples
from topwork.executors.choose import training_device
from topwork.recipe import Recipe
from topwork.runs.job import JobMaker, count_epochs, describe
from topwork.training import budget
from topwork.training.budget import within
from topwork.training.cross_validate import MIN_CHOOSING
from topwork.training.settings import Training
from topwork.training.strategy import parse_strategy
from topwork.training.training_job import TrainingJob

VIEWS = Training(augment=("shift",), num_views=2)


def make(
    strategy: str, digits: Path, backbone: Backbone | str = small.SMALL, **settings: Any
) -> TrainingJob:
    found = backbone if isinstance(backbone, Backbone) else get_backbone(backbone)
    recipe = Recipe(**{"train": strategy, "training": VIEWS, **settings})
    maker = JobMaker(
        recipe=recipe,
        backbone=found,
        options=RunOptions(device="cpu"),
        examples=read_examples(digits).examples,
    )
    assert maker.classes == small.NAMES
    return maker.make(parse_strategy(strategy))


def test_the_last_blocks_are_trained_on_saved_views(digits: Path) -> None:
    job = make("last:2", digits)
    assert (job.saved.num_views, len(job.saved.examples)) == (2, 30)
    assert job.cut.block == job.cut.network.blocks[-3]
    assert (job.head_first, job.settings.batch_norm) == (True, "frozen")
    assert job.settings.epochs is not None


def test_all_blocks_are_trained_on_the_inputs(digits: Path) -> None:
    job = make("all", digits)
    assert (job.cut.block, job.saved.num_views) == (None, 1)
    assert job.head_first


def test_random_weights_learn_their_own_statistics(digits: Path) -> None:
    scratch = make("scratch", digits, training=Training(augment=("shift",)))
    fresh, pretrained = make("last:2", digits, fresh=True), make("last:2", digits)
    for job in (scratch, fresh):
        assert (job.head_first, job.settings.batch_norm) == (False, "train")
    assert fresh.identity != pretrained.identity
    kept = make("last:2", digits, fresh=True, training=Training(batch_norm="frozen", augment=()))
    assert kept.settings.batch_norm == "frozen"


def test_a_head_of_layers_goes_along(digits: Path, tiny_backbone: Backbone) -> None:
    job = make("last:1", digits, tiny_backbone, head="mlp:5", dropout=0.4, label_smoothing=0.0)
    assert (job.units, job.dropout, job.label_smoothing) == ((5,), 0.4, 0.0)


def test_more_blocks_than_there_are(digits: Path, tiny_backbone: Backbone) -> None:
    with pytest.raises(SettingError, match=r"'tiny' has 2 blocks; accepted: last:1"):
        make("last:9", digits, tiny_backbone)


def test_training_is_by_torch() -> None:
    assert [training_device(name) for name in ("cpu", "openvino", "torch")] == ["cpu"] * 3
    assert training_device("cuda:1") == "cuda:1"


def test_a_limit_is_kept_for_the_next_run(
    digits: Path, tiny_backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path))
    job = make("last:1", digits, tiny_backbone, training=Training(epochs=100, augment=()))

    def epochs(seconds: float, limit: float = 60.0, **settings: Any) -> int | None:
        monkeypatch.setattr(budget, "seconds_of_epoch", lambda job, rows: seconds)
        return within(job, limit, 6, **settings).settings.epochs

    first = epochs(1.0)
    assert first is not None
    assert 7 <= first <= 9
    assert epochs(0.5) == first
    assert epochs(0.5, limit=61.0) != first
    assert epochs(0.5, resume=False) == epochs(1.0) != first
    assert epochs(1e-6, resume=False) == 100  # as many as were asked for, no more
    assert epochs(1e6, resume=False) == 1


def test_a_job_in_words(digits: Path, tiny_backbone: Backbone) -> None:
    training = Training(epochs=1, lr=0.5, optimiser="sgd", batch_size=4, augment=(), lora=2)
    job = make("last:1", digits, tiny_backbone, training=training)
    assert describe(job, parse_strategy("last:1"), 0.25, is_chosen=True) == (
        "The last block and a linear head were trained from the backbone's own weights: 1 epoch "
        "of sgd, learning rate 0.5, batches of 4; by low-rank updates of rank 2; 25% of the "
        "weights as trained, the rest as before it (WiSE-FT)."
    )
    job = make("last:2", digits, head="mlp:3,4", training=Training(epochs=2, augment=("shift",)))
    said = describe(job, parse_strategy("last:2"), 1.0, is_chosen=True)
    blocks = len(job.cut.network.blocks)
    assert said.startswith(f"The last 2 of {blocks} blocks and a head with hidden layers of 3, 4 u")
    assert said.endswith("; views altered by shift.")
    few = describe(job, parse_strategy("last:2"), 1.0, is_chosen=False)
    assert few.startswith(said.removesuffix("."))
    assert "all weights as trained" in few
    assert f"fewer than {MIN_CHOOSING} examples left out" in few
    none = describe(job, parse_strategy("last:2"), 0.0, is_chosen=True)
    assert "none of these weights was taken" in none
    own = replace(job, settings=job.settings.changed(average=1.0))  # as the user said
    assert describe(own, parse_strategy("last:2"), 1.0, is_chosen=False) == said
    assert count_epochs(2) == "2 epochs"
