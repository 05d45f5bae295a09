"""The settings of training, there and back, and what they refuse."""

import tomllib

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from topwork.errors import SettingError
from topwork.training.settings import Training

NAMES = st.lists(st.text("abc.12", min_size=1), max_size=3).map(tuple)
RATES = st.floats(1e-9, 10)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "epochs": st.integers(1, 1000),
            "optimiser": st.sampled_from(["adamw", "adam", "sgd"]),
            "lr": RATES,
            "layer_decay": st.floats(0.01, 1),
            "freeze": NAMES,
            "learning_rates": st.dictionaries(st.text("abc.12", min_size=1), RATES, max_size=3),
            "augment": NAMES,
            "average": st.floats(0, 1) | st.just("auto"),
            "precision": st.sampled_from(["auto", "f32", "bf16"]),
        },
    )
)
def test_survive_a_recipe_file(values: dict[str, object]) -> None:
    settings = Training(**values)  # type: ignore[arg-type]
    assert Training.from_dict(tomllib.loads(tomli_w.dumps(settings.to_dict()))) == settings


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("epochs", 0, r".*1 or more"),
        ("epochs", True, r".*1 or more"),
        ("batch_size", 2.5, r".*1 or more"),
        ("optimiser", "lion", "adamw, adam, sgd"),
        ("optimiser", None, "adamw, adam, sgd"),
        ("lr", 0.0, "a number above 0"),
        ("lr", float("nan"), "a number above 0"),
        ("head_lr", "1e-3", "a number above 0"),
        ("weight_decay", -0.1, "a number, 0 or more"),
        ("momentum", 1.0, r".*0 to below 1"),
        ("layer_decay", 0.0, r".*above 0, up to 1"),
        ("warmup", 1.5, r".*share of the steps, from 0 to 1"),
        ("schedule", "linear", "cosine, constant"),
        ("freeze", "stem", "a list of names"),
        ("learning_rates", {"stem": 0}, r"a table of .*above 0"),
        ("batch_norm", "off", "auto, frozen, train"),
        ("augment", (1,), "a list of names"),
        ("num_views", 0, r".*1 or more"),
        ("average", "best", r".*0 to 1, or 'auto'"),
        ("lora", 0, "a rank, 1 or more"),
        ("precision", "f16", "auto, f32, bf16"),
        ("clip", -1.0, "a number, 0 or more"),
    ],
)
def test_refuse_what_cannot_be_used(name: str, value: object, accepted: str) -> None:
    with pytest.raises(SettingError, match=f"{name} is .*; accepted: {accepted}"):
        Training(**{name: value})  # type: ignore[arg-type]


def test_refuse_unknown_names() -> None:
    with pytest.raises(SettingError, match="'epoch'; accepted: epochs, "):
        Training.from_dict({"epoch": 3})


def test_change_what_is_given() -> None:
    settings = Training(epochs=3, lr=0.1)
    assert settings.changed(epochs=None, lr=0.2) == Training(epochs=3, lr=0.2)


def test_momentum_is_of_sgd() -> None:
    assert Training(momentum=0.5, optimiser="sgd").momentum == 0.5
    with pytest.raises(SettingError, match=r"momentum is 0\.5 .*'adamw'.*optimiser = 'sgd'"):
        Training(momentum=0.5)
