"""The settings of training where the user says nothing."""

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.backbones import folders
from tests.training import jobs
from tests.training.cuts import MAKERS
from topwork.backbones.base import Network
from topwork.backbones.named_architecture import architecture
from topwork.examples.example import MODALITIES, Modality
from topwork.examples.views import DEFAULT_AUGMENT
from topwork.training import hyperparameters as module
from topwork.training.hyperparameters import (
    BATCHES,
    LEARNS_STATISTICS,
    LR_CONTRAST_DEEP,
    LR_CONTRAST_TRANSFORMER,
    LR_LORA,
    LR_NETWORK,
    LR_TRANSFORMER,
    MAX_EPOCHS,
    MIN_EPOCHS,
    NUM_VIEWS,
    STEPS,
    hyperparameters,
    is_transformer,
    usual_depth,
    usual_pair_depth,
)
from topwork.training.loop.task import Plan
from topwork.training.settings import Training
from topwork.training.strategy import Strategy

LAST, ALL = Strategy(kind="last", last_blocks=2), Strategy(kind="all")
SCRATCH = Strategy(kind="scratch")


@pytest.fixture(scope="module")
def network() -> Network:
    return jobs.conv2d().build()


@pytest.fixture(scope="module")
def transformer() -> Network:
    return MAKERS["vit"](Path()).build()


def of_scratch(
    network: Network, num_examples: int = 100, modality: Modality = "image", **values: Any
) -> Training:
    """The settings of random weights, on a CPU unless told otherwise."""
    device = values.pop("device", "cpu")
    asked = Training(**values)
    return hyperparameters(asked, SCRATCH, num_examples, modality, network, device=device)


def test_a_good_third_of_the_blocks() -> None:
    assert usual_depth(18) == 7  # EfficientNet-Lite0
    assert [usual_depth(n) for n in (1, 2, 3, 4, 7, 13)] == [1, 1, 1, 2, 3, 5]


@given(st.integers(2, 200))
def test_always_a_block_and_never_all(num_blocks: int) -> None:
    assert 1 <= usual_depth(num_blocks) < num_blocks


# ---- of weights that have learned something


def test_all_is_filled_in(network: Network) -> None:
    settings = hyperparameters(Training(), LAST, 200, "image", network)
    assert settings.batch_size == 16
    assert settings.epochs == round(STEPS * settings.batch_size / 200)
    assert settings.lr == LR_NETWORK
    assert settings.augment == DEFAULT_AUGMENT["image"]
    assert settings.num_views == NUM_VIEWS
    assert (settings.average, settings.batch_norm, settings.lora) == ("auto", "frozen", None)


@pytest.mark.parametrize("num", [2, 10, 100, 1_000, 20_000])
def test_few_examples_are_shown_more_often(num: int, network: Network) -> None:
    settings = hyperparameters(Training(), LAST, num, "image", network)
    assert MIN_EPOCHS <= (settings.epochs or 0) <= MAX_EPOCHS
    assert settings.epochs == MAX_EPOCHS or num >= 50
    assert settings.epochs == MIN_EPOCHS or num <= 1_000


def test_more_examples_make_larger_batches(network: Network) -> None:
    for size, below in BATCHES:
        last = 10**6 if math.isinf(below) else int(below) - 1
        assert hyperparameters(Training(), LAST, last, "image", network).batch_size == size


@pytest.mark.parametrize("strategy", [LAST, ALL])
def test_what_was_given_is_kept(strategy: Strategy, network: Network) -> None:
    given = Training(
        epochs=2, batch_size=3, lr=0.5, weight_decay=0.0, augment=("rotate",), num_views=2,
        average=1.0, batch_norm="train", precision="bf16",
    )  # fmt: skip
    assert hyperparameters(given, strategy, 500, "image", network) == given


def test_without_alterations_there_is_one_view(network: Network) -> None:
    assert hyperparameters(Training(), LAST, 50, "text", network).num_views == 1
    settings = hyperparameters(Training(augment=()), LAST, 50, "image", network)
    assert (settings.augment, settings.num_views) == ((), 1)


def test_rates_of_networks_that_attend_of_updates_and_of_sgd(
    network: Network, transformer: Network
) -> None:
    def rate(of: Network, **values: Any) -> float | None:
        return hyperparameters(Training(**values), LAST, 100, "image", of).lr

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

    def mode(count: int, strategy: Strategy, **given: Any) -> str:
        return hyperparameters(Training(**given), strategy, count, "image", network).batch_norm

    assert mode(few, ALL) == "frozen"
    assert mode(many, ALL) == "train"
    assert mode(many, LAST) == "frozen"
    assert mode(many, ALL, batch_norm="frozen") == "frozen"


def test_all_blocks_take_more_steps_than_the_last() -> None:
    network = architecture("timm/resnet10t", size=32).build()
    last, whole = (hyperparameters(Training(), s, 500, "image", network) for s in (LAST, ALL))
    assert (last.epochs or 0) < (whole.epochs or 0)


# ---- of random weights


@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("num_examples", [1, 50, 500, 20_000, 2_000_000])
def test_nothing_that_a_plan_needs_is_left_open(
    num_examples: int, modality: Modality, network: Network
) -> None:
    settings = of_scratch(network, num_examples, modality)
    Plan(settings=settings)  # raises where something is missing
    assert settings.augment == DEFAULT_AUGMENT[modality]
    assert settings.batch_norm == "train"
    assert (settings.num_views, settings.average) == (None, None)
    assert 10 <= (settings.epochs or 0) <= 200


def test_many_examples_are_seen_less_often_in_larger_batches(network: Network) -> None:
    few, many = of_scratch(network, 500), of_scratch(network, 20_000)
    assert (few.epochs, few.batch_size) == (200, 32)
    assert (many.epochs, many.batch_size) == (30, 128)


def test_what_was_said_of_random_weights_is_kept(network: Network) -> None:
    given = Training(
        epochs=3, batch_size=7, lr=0.5, weight_decay=0.0, augment=(), optimiser="sgd",
        batch_norm="frozen", precision="f32",
    )  # fmt: skip
    assert hyperparameters(given, SCRATCH, 100, "image", network) == given


def test_each_optimiser_has_rates_of_its_own(network: Network) -> None:
    found = {name: of_scratch(network, optimiser=name) for name in ("sgd", "adam", "adamw")}
    assert {name: (s.lr, s.weight_decay) for name, s in found.items()} == {
        "sgd": (0.1, 5e-4),
        "adam": (1e-3, 0.0),
        "adamw": (1e-3, 0.05),
    }


def test_a_network_with_layer_norm_learns_more_slowly(tmp_path: Path) -> None:
    network = architecture("topwork/mlp:8", input_shape=(4,)).build()
    assert of_scratch(network, modality="array").lr == 1e-3
    folders.text_folder(tmp_path)
    network = architecture(str(tmp_path)).build()
    assert of_scratch(network, modality="text").lr == 5e-4
    assert of_scratch(network, modality="text", optimiser="sgd").lr == 0.1


def test_bfloat16_where_the_cpu_has_it(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "cpu_precision", lambda wanted: wanted)
    assert of_scratch(network).precision == "bf16"
    assert of_scratch(network, device="cuda").precision == "auto"
    assert hyperparameters(Training(), ALL, 100, "image", network).precision == "auto"
    monkeypatch.setattr(module, "cpu_precision", lambda wanted: "f32")
    assert of_scratch(network).precision == "auto"


def test_depthwise_convolutions_stay_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "cpu_precision", lambda wanted: wanted)
    network = architecture("timm/mobilenetv3_small_050", size=32).build()
    assert of_scratch(network).precision == "auto"
    network = architecture("timm/resnet10t", size=32).build()
    assert of_scratch(network).precision == "bf16"


@pytest.mark.parametrize(("num", "batch", "epochs"), [(16, 16, 20), (128, 128, 20), (600, 128, 12)])
def test_of_few_examples_all_pairs_make_a_step(
    num: int, batch: int, epochs: int, transformer: Network
) -> None:
    by_pairs = Strategy(kind="contrast", last_blocks=2)
    found = hyperparameters(Training(), by_pairs, num, "text", transformer)
    assert (found.batch_size, found.epochs) == (batch, epochs)
    assert found.lr == LR_CONTRAST_TRANSFORMER
    given = hyperparameters(Training(batch_size=16, epochs=2), by_pairs, num, "text", transformer)
    assert (given.batch_size, given.epochs) == (16, 2)


def test_where_all_blocks_but_the_first_are_trained_by_pairs_it_takes_fewer_steps(
    transformer: Network,
) -> None:
    deep = Strategy(kind="contrast", last_blocks=len(transformer.blocks) - 1)
    found = hyperparameters(Training(), deep, 48, "text", transformer)
    assert (found.batch_size, found.epochs, found.lr) == (48, 12, LR_CONTRAST_DEEP)
    lora = hyperparameters(Training(lora=4), deep, 48, "text", transformer)
    assert lora.lr == LR_LORA  # what has a rate of its own keeps it
    assert usual_pair_depth(7, 48) == 6
    assert usual_pair_depth(7, 400) == usual_depth(7) == 3
