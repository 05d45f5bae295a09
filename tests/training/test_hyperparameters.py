"""The settings of fine-tuning where the user says nothing."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training import jobs
from tests.training.cuts import MAKERS
from topwork.backbones.base import Network
from topwork.backbones.named_architecture import architecture
from topwork.examples.views import DEFAULT_AUGMENT
from topwork.training.policy import (
    LEARNS_STATISTICS,
    LR_LORA,
    LR_NETWORK,
    LR_TRANSFORMER,
    MAX_EPOCHS,
    MIN_EPOCHS,
    NUM_VIEWS,
    STEPS,
    batch_size,
    finetuning_settings,
    is_transformer,
    usual_depth,
)
from topwork.training.settings import Training


@pytest.fixture(scope="module")
def network() -> Network:
    return jobs.conv2d().build()


@pytest.fixture(scope="module")
def transformer() -> Network:
    return MAKERS["vit"](Path()).build()


def test_a_good_third_of_the_blocks() -> None:
    assert usual_depth(18) == 7  # EfficientNet-Lite0
    assert [usual_depth(n) for n in (1, 2, 3, 4, 7, 13)] == [1, 1, 1, 2, 3, 5]


@given(st.integers(2, 200))
def test_always_a_block_and_never_all(num_blocks: int) -> None:
    assert 1 <= usual_depth(num_blocks) < num_blocks


def test_all_is_filled_in(network: Network) -> None:
    settings = finetuning_settings(200, "image", network, Training())
    assert settings.batch_size == batch_size(200)
    assert settings.epochs == round(STEPS * settings.batch_size / 200)
    assert settings.lr == LR_NETWORK
    assert settings.augment == DEFAULT_AUGMENT["image"]
    assert settings.num_views == NUM_VIEWS
    assert (settings.average, settings.batch_norm, settings.lora) == ("auto", "frozen", None)


@pytest.mark.parametrize("num", [2, 10, 100, 1_000, 20_000])
def test_few_examples_are_shown_more_often(num: int, network: Network) -> None:
    settings = finetuning_settings(num, "image", network, Training())
    assert MIN_EPOCHS <= (settings.epochs or 0) <= MAX_EPOCHS
    assert settings.epochs == MAX_EPOCHS or num >= 50
    assert settings.epochs == MIN_EPOCHS or num <= 1_000


def test_what_was_given_is_kept(network: Network) -> None:
    given = Training(
        epochs=2, batch_size=3, lr=0.5, weight_decay=0.0, augment=("rotate",), num_views=2,
        average=1.0, batch_norm="train",
    )  # fmt: skip
    assert finetuning_settings(500, "image", network, given) == given


def test_without_alterations_there_is_one_view(network: Network) -> None:
    assert finetuning_settings(50, "text", network, Training()).num_views == 1
    settings = finetuning_settings(50, "image", network, Training(augment=()))
    assert (settings.augment, settings.num_views) == ((), 1)


def test_rates_of_networks_that_attend_of_updates_and_of_sgd(
    network: Network, transformer: Network
) -> None:
    def rate(of: Network, **values: object) -> float | None:
        return finetuning_settings(100, "image", of, Training(**values)).lr  # type: ignore[arg-type]

    assert rate(transformer) == LR_TRANSFORMER
    assert rate(transformer, lora=8) == LR_LORA
    assert rate(network, optimiser="sgd") == pytest.approx(10 * LR_NETWORK)
    assert rate(network, optimiser="adam") == LR_NETWORK


@pytest.mark.parametrize(
    ("name", "attends"),
    [("vit", True), ("bert", True), ("resnet", False), ("conv1d", False), ("tiny", False)],
)
def test_which_networks_attend(name: str, attends: bool, tmp_path: Path) -> None:
    assert is_transformer(MAKERS[name](tmp_path).build()) == attends


def test_batch_norm_learns_where_all_blocks_are_trained_from_enough_examples() -> None:
    network = architecture("timm/resnet10t", size=32).build()
    few, many = LEARNS_STATISTICS - 1, LEARNS_STATISTICS

    def mode(count: int, *, whole: bool, **given: str) -> str:
        asked = Training(**given)  # type: ignore[arg-type]
        return finetuning_settings(count, "image", network, asked, whole=whole).batch_norm

    assert mode(few, whole=True) == "frozen"
    assert mode(many, whole=True) == "train"
    assert mode(many, whole=False) == "frozen"
    assert mode(many, whole=True, batch_norm="frozen") == "frozen"


def test_all_blocks_take_more_steps_than_the_last() -> None:
    network = architecture("timm/resnet10t", size=32).build()
    last = finetuning_settings(500, "image", network, Training())
    whole = finetuning_settings(500, "image", network, Training(), whole=True)
    assert (last.epochs or 0) < (whole.epochs or 0)
