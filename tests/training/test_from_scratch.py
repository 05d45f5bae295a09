import pytest

from tests.backbones import folders
from topwork.backbones.named_architecture import architecture
from topwork.examples.example import MODALITIES
from topwork.examples.views import DEFAULT_AUGMENT
from topwork.training import from_scratch
from topwork.training.from_scratch import scratch_settings
from topwork.training.loop.task import Plan
from topwork.training.settings import Training


@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("num_examples", [1, 50, 500, 20_000, 2_000_000])
def test_nothing_that_a_plan_needs_is_left_open(num_examples: int, modality: str) -> None:
    settings = scratch_settings(num_examples, modality)  # type: ignore[arg-type]
    Plan(settings=settings)  # raises where something is missing
    assert settings.augment == DEFAULT_AUGMENT[modality]  # type: ignore[index]
    assert settings.batch_norm == "train"
    assert 10 <= (settings.epochs or 0) <= 200


def test_many_examples_are_seen_less_often_in_larger_batches() -> None:
    few, many = scratch_settings(500, "image"), scratch_settings(20_000, "image")
    assert (few.epochs, few.batch_size) == (200, 32)
    assert (many.epochs, many.batch_size) == (30, 128)


def test_what_was_said_is_kept() -> None:
    given = Training(
        epochs=3, batch_size=7, lr=0.5, weight_decay=0.0, augment=(), optimiser="sgd",
        batch_norm="frozen", precision="f32",
    )  # fmt: skip
    assert scratch_settings(100, "image", given) == given


def test_each_optimiser_has_rates_of_its_own() -> None:
    found = {
        name: scratch_settings(100, "image", Training(optimiser=name))
        for name in ("sgd", "adam", "adamw")
    }
    assert {name: (s.lr, s.weight_decay) for name, s in found.items()} == {
        "sgd": (0.1, 5e-4),
        "adam": (1e-3, 0.0),
        "adamw": (1e-3, 0.05),
    }


def test_a_network_with_layer_norm_learns_more_slowly(tmp_path: object) -> None:
    network = architecture("topwork/mlp:8", input_shape=(4,)).build()
    assert scratch_settings(100, "array", network=network).lr == 1e-3
    folders.text_folder(tmp_path)  # type: ignore[arg-type]
    network = architecture(str(tmp_path)).build()
    assert scratch_settings(100, "text", network=network).lr == 5e-4
    assert scratch_settings(100, "text", Training(optimiser="sgd"), network=network).lr == 0.1


def test_bfloat16_where_the_cpu_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(from_scratch, "cpu_precision", lambda wanted: wanted)
    assert scratch_settings(100, "image").precision == "bf16"
    assert scratch_settings(100, "image", device="cuda").precision == "auto"
    monkeypatch.setattr(from_scratch, "cpu_precision", lambda wanted: "f32")
    assert scratch_settings(100, "image").precision == "auto"


def test_depthwise_convolutions_stay_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(from_scratch, "cpu_precision", lambda wanted: wanted)
    network = architecture("timm/mobilenetv3_small_050", size=32).build()
    assert scratch_settings(100, "image", network=network).precision == "auto"
    network = architecture("timm/resnet10t", size=32).build()
    assert scratch_settings(100, "image", network=network).precision == "bf16"
