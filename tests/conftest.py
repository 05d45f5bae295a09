"""What all tests share: a cache of their own, small data and small models."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from jaxtyping import install_import_hook
from threadpoolctl import threadpool_limits

from tests.shape_checks import CHECKED

os.environ["HF_HUB_OFFLINE"] = "1"  # no test may ask the network; it is read once, at import
os.environ["TOPWORK_CHECK_SHAPES"] = "1"

with install_import_hook(CHECKED, "tests.shape_checks.checked"):
    from tests import small
    from topwork.backbones.base import Backbone
    from topwork.core.files import CACHE_VARIABLE
    from topwork.model.model import Model
    from topwork.runs.train import train


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Small matrices gain nothing from threads, and lose minutes where others want the cores."""
    torch.set_num_threads(1)
    with threadpool_limits(1, "blas"):
        yield


@pytest.fixture(autouse=True, scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One cache for the whole session: a backbone is compiled once."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(folder))
        yield folder


@pytest.fixture(autouse=True, scope="session")
def short_curves() -> Iterator[None]:
    """The plan of a learning curve fits each size many times; once is enough here."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "WORK": 1,
            "MIN_REPEATS": 1,
            "choose_num_repeats": lambda _num: 1,
        }.items():
            patch.setattr(f"topwork.evidence.learning_curve.points.{name}", value)
        yield


@pytest.fixture(autouse=True, scope="session")
def quick_runs() -> Iterator[None]:
    """Few altered views, which many tests compute anew; and every epoch written, for the kills."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("topwork.runs.head_features.MOST_VIEWS", 2)
        patch.setattr("topwork.training.loop.epochs.SAVED_SECONDS", 0.0)
        yield


@pytest.fixture(autouse=True, scope="session")
def no_companions() -> Iterator[None]:
    """What else is installed on a machine is not what a test of `auto` is about."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("topwork.runs.train.installed_beside", lambda _backbone: [])
        yield


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Handwritten digits in a folder per class: `one`, `two`, `zero`, ten of each."""
    return small.write_folder(tmp_path_factory.mktemp("data") / "digits", small.digit_pictures(10))


@pytest.fixture(scope="session")
def tiny_backbone() -> Backbone:
    """Two convolutions of seeded weights, 32 px."""
    return small.tiny_backbone()


@pytest.fixture(scope="session")
def tiny_model(digits: Path, tiny_backbone: Backbone) -> Model:
    """A model trained on the digits with the tiny backbone. Do not change it."""
    return train(digits, backbone=tiny_backbone, num_repeats=1)


@pytest.fixture(scope="session")
def saved(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder: the digits on `small.SMALL`, a backbone with a name. Do not change it."""
    folder = tmp_path_factory.mktemp("models") / "digits"
    train(digits, backbone=small.SMALL, num_repeats=1, out=folder)
    return folder
