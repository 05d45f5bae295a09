"""Fine-tuning: the head that it begins with, what is trained of the network, and what is not."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from tests import small
from tests.training import jobs
from topwork.backbones.base import Backbone
from topwork.backbones.random import with_random_weights
from topwork.errors import SettingError, TrainingError
from topwork.features.table import ArrayTable
from topwork.training.cut import NETWORK
from topwork.training.finetune import FineTuned, features_of, finetune, with_found_lr
from topwork.training.first_head import PENALTIES
from topwork.training.training_job import TrainingJob

NORMS = ("running_mean", "running_var", "num_batches_tracked")


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return jobs.conv2d()


@pytest.fixture(scope="module")
def cut(backbone: Backbone) -> TrainingJob:
    """The last two of four blocks."""
    return jobs.make_job(backbone, jobs.colour_examples(10, noise=60.0), "block0")


def of(job: TrainingJob, **settings: object) -> TrainingJob:
    """The job with other settings."""
    return replace(job, settings=job.settings.changed(**settings))


def moved(fine_tuned: FineTuned) -> set[str]:
    """Names of the tensors that training changed."""
    before, after = fine_tuned.before, fine_tuned.after
    assert list(before) == list(after)
    return {name for name in before if not torch.equal(before[name], after[name])}


def same(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    return list(one) == list(other) and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("class_weight", ["none", "balanced"])
def test_the_first_head_is_a_logistic_regression(class_weight: str, backbone: Backbone) -> None:
    examples = [*jobs.colour_examples(30, noise=110.0)][: 90 - 17]
    job = jobs.make_job(backbone, examples, "block1", class_weight=class_weight, epochs=1)
    indices = np.arange(len(examples))
    fine_tuned = finetune(job, indices)
    features = features_of(job.cut.body(), job, indices)
    table = ArrayTable(features, job.cut.last)
    vectors = fine_tuned.head.transform(table, indices)
    labels, weights = job.labels, job.labels.weights

    def reference(indices: np.ndarray, penalty: float) -> LogisticRegression:
        own = None if weights is None else weights[indices]
        plain = LogisticRegression(C=1 / penalty, tol=1e-8, max_iter=10_000)
        return plain.fit(vectors[indices], labels.classes[indices], sample_weight=own)

    held = labels.folds()[0]
    kept = np.setdiff1d(indices, held)
    own = np.ones(len(held)) if weights is None else weights[held]
    losses = []
    for penalty in PENALTIES:
        probabilities = reference(kept, penalty).predict_proba(vectors[held])
        losses.append(own @ -np.log(probabilities[np.arange(len(held)), labels.classes[held]]))
    wanted = reference(indices, PENALTIES[int(np.argmin(losses))])
    np.testing.assert_allclose(
        fine_tuned.head.predict(table, indices), wanted.predict_proba(vectors), atol=1e-3
    )


def test_with_one_example_of_a_class_there_is_a_first_head_too(backbone: Backbone) -> None:
    examples = jobs.colour_examples(1)
    job = jobs.make_job(backbone, examples, "block1")
    fine_tuned = finetune(job, np.arange(3))
    assert len(fine_tuned.history) == 2
    assert np.isfinite(fine_tuned.scores(np.arange(3), [1.0])[0]).all()


def test_class_weights_move_the_answers(cut: TrainingJob) -> None:
    indices = np.concatenate([np.arange(10), np.arange(10, 13), np.arange(20, 23)])
    weights = np.ones(30)
    plain = finetune(cut, indices).scores(np.arange(10, 30), [1.0])[0]
    weights[10:] = 20.0
    heavy = replace(cut, labels=replace(cut.labels, weights=weights / weights.mean()))
    heavier = finetune(heavy, indices).scores(np.arange(10, 30), [1.0])[0]
    assert (heavier[:, 0] - plain[:, 0]).mean() < 0


def test_the_last_blocks_and_the_head_are_trained(cut: TrainingJob) -> None:
    fine_tuned = finetune(cut, jobs.rows_of(cut))
    names = moved(fine_tuned)
    assert {name.split(".")[3] for name in names if name.startswith(NETWORK)} == {
        "block1",
        "block2",
    }
    assert {"head.layers.0.weight", "head.layers.0.bias"} <= names
    assert not [name for name in names if "mean_" in name or "scale" in name]
    assert [epoch.number for epoch in fine_tuned.history] == [1, 2]
    assert fine_tuned.stopped is None
    assert all(epoch.examples == 30 for epoch in fine_tuned.history)


def test_pairs_train_the_blocks_and_the_head_is_fitted_on_what_comes_out(
    cut: TrainingJob,
) -> None:
    job = replace(of(cut, epochs=40, lr=1e-2), contrast=True)
    indices = jobs.rows_of(cut)
    fine_tuned = finetune(job, indices)
    assert moved(fine_tuned)
    assert not [name for name in fine_tuned.after if name.startswith("head")]
    assert {name.split(".")[3] for name in moved(fine_tuned)} == {"block1", "block2"}
    assert fine_tuned.history[-1].loss < 0.5 * fine_tuned.history[0].loss
    module, head = fine_tuned.network(1.0)
    features = features_of(module.get_submodule("body"), job, indices)
    wanted = head.predict(ArrayTable(features, head.segments))
    (found,) = fine_tuned.scores(indices, [1.0])
    np.testing.assert_allclose(np.exp(found), wanted, atol=1e-6)
    assert (found.argmax(1) == job.labels.classes).mean() > 0.9
    _, before = fine_tuned.network(0.0)
    np.testing.assert_array_equal(before.layers[0].weight, fine_tuned.head.layers[0].weight)
    assert job.identity != cut.identity


def test_what_is_frozen_by_name_stays_to_the_last_bit(cut: TrainingJob) -> None:
    head_run = moved(finetune(of(cut, freeze=("block1",), batch_norm="train"), jobs.rows_of(cut)))
    assert head_run
    assert not [name for name in head_run if ".block1." in name]
    assert [name for name in head_run if ".block2." in name]
    head = moved(finetune(of(cut, freeze=("head",)), jobs.rows_of(cut)))
    assert not [name for name in head if name.startswith("head.")]


def test_names_that_are_not_there_and_names_before_the_cut(cut: TrainingJob) -> None:
    indices = jobs.rows_of(cut)
    with pytest.raises(SettingError, match=r"freeze .*'blok1', .*nearest: 'block1'"):
        finetune(of(cut, freeze=("blok1",)), indices)
    with pytest.raises(SettingError, match=r"learning_rates .*'head\.layer\.0'"):
        finetune(of(cut, learning_rates={"head.layer.0": 1.0}), indices)
    stem = next(name for name, _ in cut.cut.network.module.named_parameters())
    assert stem.startswith("stem.")
    before = finetune(of(cut, freeze=(stem, "stem"), learning_rates={"block0": 1.0}), indices)
    assert same(before.after, finetune(cut, indices).after)


def test_learning_rates_by_name(cut: TrainingJob) -> None:
    def steps(rates: dict[str, float]) -> dict[str, float]:
        # one step of plain descent: what moves is the rate times the gradient, and of a head of
        # several layers, which is not fitted first, all have one
        job = of(
            replace(cut, units=(6,)), optimiser="sgd", momentum=0.0, epochs=1, batch_size=30,
            warmup=0.0, clip=0.0, schedule="constant", learning_rates=rates, lr=1e-3,
        )  # fmt: skip
        fine_tuned = finetune(job, jobs.rows_of(cut))
        return {
            name: float((fine_tuned.after[name] - fine_tuned.before[name]).norm())
            for name in moved(fine_tuned)
        }

    usual, other = steps({}), steps({"block1": 1e-2, "head.layers": 5e-4})
    for name, step in usual.items():
        factor = 10 if ".block1." in name else 0.5 if name.startswith("head.") else 1
        # the loss is not the same to the last bit: what is small is lost in the weight's digits
        assert other[name] == pytest.approx(factor * step, rel=2e-2), name


@pytest.mark.parametrize(("mode", "learns"), [("frozen", False), ("train", True)])
def test_batch_norm_keeps_its_statistics_where_it_is_frozen(
    mode: str, learns: bool, cut: TrainingJob
) -> None:
    names = moved(finetune(of(cut, batch_norm=mode), jobs.rows_of(cut)))
    assert bool([name for name in names if name.endswith(NORMS)]) == learns
    assert [name for name in names if name.endswith("weight")]


@pytest.mark.parametrize("units", [(), (6,)])
def test_twice_with_one_seed_and_once_with_another(
    units: tuple[int, ...], cut: TrainingJob
) -> None:
    job = replace(of(cut, augment=("rotate",)), units=units, dropout=0.3, label_smoothing=0.1)
    indices = np.arange(0, 30, 2)
    one, two = finetune(job, indices), finetune(job, indices)
    assert same(one.after, two.after)
    assert [e.loss for e in one.history] == [e.loss for e in two.history]
    other = replace(job, labels=replace(job.labels, seed=1))
    assert not same(one.after, finetune(other, indices).after)


def test_a_head_of_several_layers(cut: TrainingJob) -> None:
    job = replace(of(cut, epochs=10, lr=1e-2), units=(32, 16))
    fine_tuned = finetune(job, jobs.rows_of(cut))
    _, head = fine_tuned.network()
    assert [len(layer.bias) for layer in head.layers] == [32, 16, 3]
    (logits,) = fine_tuned.scores(jobs.rows_of(cut), [1.0])
    assert (logits.argmax(1) == cut.labels.classes).mean() > 0.8


def test_label_smoothing_makes_another_job(cut: TrainingJob) -> None:
    smooth = replace(cut, label_smoothing=0.2)
    assert smooth.identity != cut.identity
    assert not same(finetune(cut, np.arange(30)).after, finetune(smooth, np.arange(30)).after)


def test_fresh_blocks_begin_with_random_weights(backbone: Backbone) -> None:
    fresh = with_random_weights(backbone, 7)
    job = jobs.make_job(
        backbone, jobs.colour_examples(6), "block0", fresh=fresh, head_first=False, epochs=1
    )
    fine_tuned = finetune(job, jobs.rows_of(job))
    plain, other = backbone.build().module.state_dict(), fresh.build().module.state_dict()
    weights = [
        name.removeprefix(f"{NETWORK}inner.")
        for name in fine_tuned.before
        if name.startswith(NETWORK)
    ]
    assert weights
    for name in weights:
        assert torch.equal(fine_tuned.before[f"{NETWORK}inner.{name}"], other[name])
    assert not all(torch.equal(plain[name], other[name]) for name in weights)
    state = job.cut.state(fine_tuned.network()[0])
    for name in plain:
        assert torch.equal(state[name], plain[name]) == name.startswith(("stem", "block0")) or (
            name.endswith(NORMS)  # which are those of no data
        )


def test_numbers_that_run_out_in_the_first_epoch(cut: TrainingJob) -> None:
    job = of(cut, lr=1e6)
    with pytest.raises(TrainingError, match=r"not a number in epoch 1.*No epoch before"):
        finetune(job, jobs.rows_of(cut))


def test_numbers_that_run_out_later_end_it_with_the_last_good_weights(cut: TrainingJob) -> None:
    # one step an epoch, at a rate that climbs from epoch to epoch
    job = of(cut, optimiser="sgd", clip=0.0, batch_size=30, epochs=30, warmup=1.0, lr=30.0)
    fine_tuned = finetune(job, jobs.rows_of(cut))
    assert fine_tuned.stopped is not None
    assert "not a number" in fine_tuned.stopped
    assert f"those after epoch {len(fine_tuned.history)}" in fine_tuned.stopped
    assert all(bool(torch.isfinite(tensor).all()) for tensor in fine_tuned.after.values())


def test_scores_of_untrained_weights_are_the_first_heads(cut: TrainingJob) -> None:
    indices = jobs.rows_of(cut)
    fine_tuned = finetune(cut, indices)
    none, half, whole = fine_tuned.scores(indices, [0.0, 0.5, 1.0])
    features = features_of(cut.cut.body(), cut, indices)
    first = np.log(fine_tuned.head.predict(ArrayTable(features, cut.cut.last), indices))
    np.testing.assert_allclose(none, first, atol=1e-4)
    assert not np.allclose(none, whole)
    assert not np.allclose(half, whole)


@pytest.mark.parametrize("kind", ["sound", "text"])
def test_examples_of_many_lengths(kind: str, tmp_path: Path) -> None:
    if kind == "sound":
        job = jobs.make_job(
            small.tiny_sound_backbone(), jobs.sound_examples(tmp_path), "2", epochs=5, lr=1e-2
        )
    else:
        job = jobs.make_job(
            small.tiny_text_backbone(), jobs.text_examples(tmp_path), "0", epochs=5, lr=1e-2
        )
    indices = jobs.rows_of(job)
    fine_tuned = finetune(job, indices)
    assert fine_tuned.history[-1].loss < fine_tuned.history[0].loss
    (logits,) = fine_tuned.scores(indices, [1.0])
    alone = np.concatenate([fine_tuned.scores(np.array([row]), [1.0])[0] for row in indices])
    np.testing.assert_allclose(logits, alone, atol=1e-4)


def test_the_learning_rate_is_found_on_the_examples_themselves(backbone: Backbone) -> None:
    job = jobs.make_job(backbone, jobs.colour_examples(10, noise=60.0), "block0")
    fresh = replace(job, head_first=False)
    indices = np.arange(len(job.saved.examples))
    found = with_found_lr(fresh, indices).settings.lr
    assert found is not None
    assert 1e-5 < found < 1
    assert found != fresh.settings.lr
    assert with_found_lr(fresh, indices).settings.lr == found
