"""Means of two networks' weights: their statistics fit, and they do not collapse."""

import numpy as np
import pytest
import torch

from tests.training import jobs
from tests.training.nets import convolved
from topwork.backbones.base import Backbone
from topwork.backbones.named_architecture import architecture
from topwork.examples.example import Example
from topwork.examples.sources import examples_from
from topwork.features.table import ArrayTable
from topwork.training.blend import blend, fit_norms, has_norms, measure_norms
from topwork.training.cut import head_of, with_head
from topwork.training.finetune import FineTuned, features_of, finetune
from topwork.training.finetuned_backbone import finetuned_backbone
from topwork.training.strategy import Strategy

GREY, SIDE, PER_CLASS, LEARNED = 128, 16, 34, 12
COLOURS = ((220, 60, 60), (60, 220, 60), (60, 60, 220), (200, 200, 60))


def test_blend_is_the_weighted_mean() -> None:
    before = {"a": torch.tensor([1.0, 3.0]), "n": torch.tensor(2)}
    after = {"a": torch.tensor([2.0, -1.0]), "n": torch.tensor(7)}
    mixed = blend(before, after, 0.25)
    torch.testing.assert_close(mixed["a"], torch.tensor([1.25, 2.0]))
    assert mixed["n"] == 7
    assert torch.equal(blend(before, after, 1.0)["a"], after["a"])
    assert torch.equal(blend(before, after, 0.0)["a"], before["a"])


def pictures(batch: int = 32) -> torch.Tensor:
    return torch.randn((batch, 3, 8, 8), generator=torch.Generator().manual_seed(1)) + 0.5


@pytest.mark.parametrize("alpha", [0.25, 0.5, 0.9])
def test_norms_give_what_lies_between_the_ends(alpha: float) -> None:
    one, other, batch = convolved(0).eval(), convolved(1).eval(), pictures()
    first, last = measure_norms(one, batch), measure_norms(other, batch)
    mixed = convolved(0).eval()
    mixed.load_state_dict(blend(one.state_dict(), other.state_dict(), alpha))
    before = measure_norms(mixed, batch)
    fit_norms(mixed, batch, first, last, alpha)
    found = measure_norms(mixed, batch)
    assert list(found) == ["norm"]
    for k in (0, 1):  # mean and spread
        wanted = torch.lerp(first["norm"][k], last["norm"][k], alpha)
        torch.testing.assert_close(found["norm"][k], wanted, atol=1e-3, rtol=1e-3)
    assert (before["norm"][1] < torch.lerp(first["norm"][1], last["norm"][1], alpha)).all()


def test_what_fits_already_stays() -> None:
    net, batch = convolved().eval(), pictures()
    own, state = measure_norms(net, batch), {k: v.clone() for k, v in net.state_dict().items()}
    fit_norms(net, batch, own, own, 0.5)
    for name, tensor in net.state_dict().items():
        torch.testing.assert_close(tensor, state[name], atol=1e-5, rtol=1e-4)


def test_a_channel_that_never_varies_stays_finite() -> None:
    net, batch = convolved().eval(), pictures()
    with torch.no_grad():
        net.stem.weight[0] = 0  # type: ignore[operator, index]
    own = measure_norms(net, batch)
    fit_norms(net, batch, own, own, 0.5)
    assert all(torch.isfinite(tensor).all() for tensor in net.state_dict().values())
    with torch.inference_mode():
        assert torch.isfinite(net(batch)).all()


def test_a_norm_that_runs_twice_is_left_alone() -> None:
    norm = torch.nn.BatchNorm1d(4)
    net = torch.nn.Sequential(norm, torch.nn.Linear(4, 4), norm).eval()
    batch = torch.randn((8, 4), generator=torch.Generator().manual_seed(0)) + 3
    found = measure_norms(net, batch)
    assert found == {}
    fit_norms(net, batch, found, found, 0.5)
    assert (norm.running_mean == 0).all()  # type: ignore[union-attr]


def test_networks_without_statistics_have_none_to_fit() -> None:
    assert has_norms(convolved())
    assert not has_norms(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.LayerNorm(2)))
    assert not has_norms(torch.nn.BatchNorm1d(3, track_running_stats=False))


# A network that knows colours learns grey stripes of a few examples


def coloured(count: int) -> list[Example]:
    rng = np.random.default_rng(0)
    images, labels = [], []
    for number, colour in enumerate(COLOURS):
        for _ in range(count):
            noise = rng.normal(0, 60, (SIDE, SIDE, 3))
            images.append((noise + colour).clip(0, 255).astype(np.uint8))
            labels.append(str(number))
    return list(examples_from(images, labels, modality="image").examples)


def striped(count: int) -> list[Example]:
    """Grey pictures of faint stripes: across, upright, aslant."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:SIDE, :SIDE]
    images, labels = [], []
    for number, form in enumerate((x % 4 < 2, y % 4 < 2, (x + y) % 4 < 2)):
        for _ in range(count):
            moved = np.roll(form, rng.integers(4), axis=number % 2)
            grey = GREY + 12 * (2.0 * moved - 1) + rng.normal(0, 20, (SIDE, SIDE))
            images.append(np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2))
            labels.append("abc"[number])
    return list(examples_from(images, labels, modality="image").examples)


@pytest.fixture(scope="module")
def colour_blind() -> Backbone:
    """Six blocks with BatchNorm that tell colours."""
    job = jobs.make_job(
        architecture(f"topwork/conv2d:{','.join(['24'] * 6)}", size=SIDE), coloured(60),
        head_first=False, epochs=6, lr=1e-2, batch_norm="train", batch_size=32,
    )  # fmt: skip
    taught = finetune(job, jobs.rows_of(job))
    assert taught.history[-1].accuracy > 0.95
    return finetuned_backbone(taught, 1.0, Strategy(kind="scratch"))


def answers_without_fitting(fine_tuned: FineTuned, indices: np.ndarray, alpha: float) -> np.ndarray:
    """What the plain mean of the weights says, with statistics that are those of the ends."""
    job = fine_tuned.job
    module = with_head(job.cut.body(), fine_tuned.head, dropout=0.0)
    module.load_state_dict(blend(fine_tuned.before, fine_tuned.after, alpha))
    head = head_of(module, fine_tuned.head)
    features = features_of(module.get_submodule("body"), job, indices)
    answers: np.ndarray = head.predict(ArrayTable(features, head.segments)).argmax(1)
    return answers


def test_a_quarter_of_the_trained_weights_does_not_name_one_class(colour_blind: Backbone) -> None:
    job = jobs.make_job(
        colour_blind, striped(PER_CLASS), colour_blind.build().blocks[0], epochs=28, lr=1e-2
    )
    everything = jobs.rows_of(job)
    learned = everything[everything % PER_CLASS < LEARNED]
    others = np.setdiff1d(everything, learned)
    truth = job.labels.classes[others]
    fine_tuned = finetune(job, learned)

    def commonest(answers: np.ndarray) -> float:
        return float(np.bincount(answers, minlength=3).max() / len(answers))

    def accuracy(answers: np.ndarray) -> float:
        return float((answers == truth).mean())

    first, quarter, half, last = (
        logits.argmax(1) for logits in fine_tuned.scores(others, [0.0, 0.25, 0.5, 1.0])
    )
    plain = answers_without_fitting(fine_tuned, others, 0.25)
    assert commonest(plain) > 0.8
    assert accuracy(plain) < accuracy(first) - 0.05
    assert commonest(quarter) < 0.7
    assert accuracy(first) < accuracy(quarter) < accuracy(half) < accuracy(last)
    # the model that is made of it says the same
    _, head = fine_tuned.network(0.25)
    module, again = fine_tuned.network(0.25)
    features = features_of(module.get_submodule("body"), job, others)
    assert (head.predict(ArrayTable(features, head.segments)).argmax(1) == quarter).all()
    assert np.array_equal(head.layers[0].weight, again.layers[0].weight)
