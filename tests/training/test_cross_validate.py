"""Judging by folds: kept and resumed, and chosen on other folds alone."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

from tests.training import jobs
from topwork.core import files
from topwork.core.files import CACHE_VARIABLE
from topwork.core.options import RunOptions
from topwork.evaluation.crossval import draw_folds
from topwork.heads.calibrate import fit_temperature
from topwork.heads.labels import Labels
from topwork.heads.softmax import softmax
from topwork.training import cross_validate as cross_validate_module
from topwork.training.cross_validate import (
    ALPHAS,
    MIN_CHOOSING,
    CVResult,
    FoldResult,
    alphas_of,
    checkpointed,
    cross_validate,
    refit,
)
from topwork.training.finetune import FineTuned, finetune
from topwork.training.loop import epochs as loop
from topwork.training.loop.task import Epoch
from topwork.training.training_job import TrainingJob


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own: what is kept must not be another test's."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def make(epochs: int = 2, **values: object) -> TrainingJob:
    examples = jobs.colour_examples(6, noise=80.0)
    return jobs.make_job(jobs.conv2d(), examples, "block1", epochs=epochs, **values)  # type: ignore[arg-type]


def folds_of(job: TrainingJob, num_folds: int = 3) -> list[np.ndarray]:
    drawn, _ = draw_folds(job.labels, num_folds=num_folds, num_repeats=1)
    return drawn[0]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many examples each training had."""
    seen: list[int] = []

    def counted(job: TrainingJob, indices: np.ndarray, **more: object) -> FineTuned:
        seen.append(len(indices))
        return finetune(job, indices, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(cross_validate_module, "finetune", counted)
    return seen


@pytest.fixture
def chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few examples choose, too."""
    monkeypatch.setattr(cross_validate_module, "MIN_CHOOSING", 5)


@pytest.mark.usefixtures("chooses")
def test_each_fold_is_told_by_those_that_did_not_see_it(cache: Path) -> None:
    job = make()
    folds = folds_of(job)
    found = list(cross_validate(job, folds))
    assert [len(fold.indices) for fold in found] == [6, 6, 6]
    for fold, indices in zip(found, folds, strict=True):
        assert fold.logits.shape == (len(ALPHAS), 6, 3)
        alone = finetune(job, np.setdiff1d(np.arange(18), indices))
        np.testing.assert_array_equal(fold.logits, np.stack(alone.scores(indices, ALPHAS)))
        assert fold.seconds > 0


def test_what_was_done_is_read_and_not_done_again(cache: Path, calls: list[int]) -> None:
    job = make()
    folds = folds_of(job)
    first = [next(cross_validate(job, folds)) for _ in range(2)]  # the first fold alone, twice
    assert calls == [12]
    assert first[1].seconds == 0.0
    whole = list(cross_validate(job, folds))
    assert calls == [12, 12, 12]
    again = list(cross_validate(job, folds))
    assert len(calls) == 3
    for one, other in zip(whole, again, strict=True):
        np.testing.assert_array_equal(one.logits, other.logits)
    list(cross_validate(job, folds, options=RunOptions(resume=False)))
    assert len(calls) == 6


@pytest.mark.parametrize(
    "change",
    [
        lambda job: replace(job, label_smoothing=0.1),
        lambda job: replace(job, dropout=0.2),
        lambda job: replace(job, units=(4,)),
        lambda job: replace(job, settings=job.settings.changed(lr=2e-3)),
        lambda job: replace(job, settings=job.settings.changed(average=0.5)),
        lambda job: replace(job, labels=replace(job.labels, seed=9)),
        lambda job: replace(job, labels=replace(job.labels, weights=np.linspace(0.5, 1.5, 18))),
        lambda job: replace(
            job, labels=replace(job.labels, groups=np.array([str(i // 2) for i in range(18)]))
        ),
        lambda job: replace(job, labels=replace(job.labels, classes=job.labels.classes[::-1])),
    ],
)
def test_what_another_job_did_is_not_taken(change, cache: Path, calls: list[int]) -> None:  # type: ignore[no-untyped-def]
    job = make(epochs=1)
    folds = folds_of(job)
    next(cross_validate(job, folds))
    next(cross_validate(change(job), folds))
    assert len(calls) == 2


def test_interrupted_it_goes_on_from_its_last_epoch(cache: Path) -> None:
    job, indices = make(epochs=5), np.arange(18)
    undisturbed = finetune(job, indices)
    seen: list[int] = []

    def interrupt(epoch: Epoch) -> None:
        seen.append(epoch.number)
        if len(seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        refit(job, None, on_epoch=interrupt)
    assert list((cache / "training").glob("*/epoch-*"))
    made = refit(job, None, on_epoch=lambda epoch: seen.append(epoch.number))
    assert seen == [1, 2, 3, 4, 5]
    assert made.alpha == 1.0
    after = made.fine_tuned.after
    assert all(torch.equal(t, after[name]) for name, t in undisturbed.after.items())
    wanted = undisturbed.network()[1].layers[0].weight
    np.testing.assert_array_equal(made.head.layers[0].weight, wanted)
    assert not list((cache / "training").iterdir())  # what ended well leaves nothing


def test_without_resume_nothing_of_before_is_taken(cache: Path) -> None:
    job = make(epochs=3)

    def interrupt(epoch: Epoch) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        refit(job, None, on_epoch=interrupt)
    assert list((cache / "training").glob("*/epoch-*"))
    seen: list[int] = []
    options = RunOptions(resume=False)
    refit(job, None, options=options, on_epoch=lambda epoch: seen.append(epoch.number))
    assert seen == [1, 2, 3]


def test_other_seeds_and_labels_do_not_share_a_place(cache: Path) -> None:
    job, indices = make(), np.arange(18)
    places = set()
    for other in (
        job,
        replace(job, labels=replace(job.labels, seed=4)),
        replace(job, labels=replace(job.labels, classes=job.labels.classes[::-1].copy())),
    ):
        with checkpointed(other, indices) as place:
            places.add(place)
    assert len(places) == 3


def _run(place: Path, folder: Path) -> None:
    os.environ[CACHE_VARIABLE] = str(folder)
    torch.set_num_threads(1)
    with threadpool_limits(1, "blas"):
        loop.SAVED_SECONDS = 0.0  # each is written, and slow enough to be killed in the midst
        refit(make(epochs=40), None, on_epoch=lambda _epoch: time.sleep(0.05))
    place.write_text("done")


def _weights(cache: Path) -> Iterator[Path]:
    return (cache / "training").glob("*/epoch-*/state.json")


@pytest.mark.slow
def test_killed_it_goes_on_and_ends_with_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setenv(CACHE_VARIABLE, str(cache))
    torch.set_num_threads(1)
    undisturbed = refit(make(epochs=40), None).fine_tuned
    process = multiprocessing.get_context("spawn").Process(
        target=_run, args=(tmp_path / "done", cache)
    )
    process.start()
    until = time.monotonic() + 60
    while not any("000005" in str(path) for path in _weights(cache)):
        assert time.monotonic() < until
        assert process.is_alive()
        time.sleep(0.01)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    assert not (tmp_path / "done").exists()
    seen: list[int] = []
    made = refit(make(epochs=40), None, on_epoch=lambda epoch: seen.append(epoch.number))
    assert seen[0] > 5
    assert seen[-1] == 40
    after = made.fine_tuned.after
    assert all(torch.equal(t, after[name]) for name, t in undisturbed.after.items())


# What folds say together, of logits made up


def made_up(num: int = 120, seed: int = 0) -> tuple[TrainingJob, np.ndarray]:
    """A job of `num` examples of two classes, and their classes."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 2, num)
    job = replace(make(epochs=1), labels=Labels(classes=classes, num_classes=2))
    return job, classes


def fold_of(
    indices: np.ndarray, classes: np.ndarray, right: dict[int, float], scale: float
) -> FoldResult:
    """Say the right class so often with each share, as sure as `scale`."""
    logits = np.zeros((len(ALPHAS), len(indices), 2))
    for alpha in range(len(ALPHAS)):
        for place, row in enumerate(indices):
            good = place < right.get(alpha, 0.0) * len(indices)
            said = classes[row] if good else 1 - classes[row]
            logits[alpha, place, said] = scale
    return FoldResult(indices=indices, logits=logits, seconds=1.5)


def test_share_and_sharpness_come_from_the_other_folds(cache: Path) -> None:
    job, classes = made_up()
    one, two = np.arange(0, 120, 2), np.arange(1, 120, 2)
    # in the first fold a quarter is the best, in the second all of the weights
    folds = [
        fold_of(one, classes, {1: 0.9, 2: 0.3, 3: 0.3, 4: 0.6}, 4.0),
        fold_of(two, classes, {1: 0.6, 2: 0.3, 3: 0.3, 4: 0.8}, 1.0),
    ]
    cv_result = CVResult.of(job, folds)
    assert cv_result.is_chosen
    assert cv_result.indices.tolist() == list(range(120))
    right = cv_result.probabilities.argmax(1) == classes
    assert right[one].mean() == pytest.approx(0.6)  # with the share that the second fold likes
    assert right[two].mean() == pytest.approx(0.6)
    labels = job.labels.take(two)
    inverse_temperature = fit_temperature(folds[1].logits[4], labels.targets, None)
    wanted = softmax(inverse_temperature * folds[0].logits[4])
    np.testing.assert_allclose(cv_result.probabilities[one], wanted)
    assert cv_result.alpha in (0.25, 1.0)
    assert cv_result.seconds == 3.0


def test_nothing_of_what_was_trained_may_be_the_best(cache: Path) -> None:
    job, classes = made_up()
    folds = [
        fold_of(part, classes, {0: 0.9, 1: 0.3, 2: 0.3, 3: 0.3, 4: 0.5}, 2.0)
        for part in (np.arange(0, 120, 2), np.arange(1, 120, 2))
    ]
    cv_result = CVResult.of(job, folds)
    assert cv_result.alpha == 0.0
    assert (cv_result.probabilities.argmax(1) == classes).mean() == pytest.approx(0.9)


def test_few_examples_choose_no_share(cache: Path) -> None:
    """The mean that happens to be the best on 20 examples is not the one for the next 20."""
    for num in (2 * MIN_CHOOSING - 2, 2 * MIN_CHOOSING):
        job, classes = made_up(num)
        folds = [
            fold_of(part, classes, {1: 1.0, 4: 0.6}, 2.0)
            for part in (np.arange(0, num, 2), np.arange(1, num, 2))
        ]
        cv_result = CVResult.of(job, folds)
        assert cv_result.is_chosen == (num >= 2 * MIN_CHOOSING)
        assert cv_result.alpha == (0.25 if cv_result.is_chosen else 1.0)
        right = (cv_result.probabilities.argmax(1) == classes).mean()
        assert right == pytest.approx(1.0 if cv_result.is_chosen else 0.6, abs=0.02)


def test_what_a_fold_says_of_itself_does_not_change_how_it_is_read(cache: Path) -> None:
    job, classes = made_up()
    indices = np.array_split(np.random.default_rng(1).permutation(120), 4)
    rng = np.random.default_rng(2)
    folds = [
        FoldResult(indices=part, logits=rng.normal(0, 1, (5, len(part), 2)), seconds=0.0)
        for part in indices
    ]
    before = CVResult.of(job, folds)
    assert before.is_chosen
    labels = job.labels
    flipped = classes.copy()
    flipped[indices[0]] = 1 - flipped[indices[0]]  # were the first fold's classes other ones
    after = CVResult.of(replace(job, labels=replace(labels, classes=flipped)), folds)
    own = np.isin(before.indices, indices[0])
    np.testing.assert_array_equal(before.probabilities[own], after.probabilities[own])
    assert not np.array_equal(before.probabilities[~own], after.probabilities[~own])


def test_one_fold_alone_is_read_by_halves(cache: Path) -> None:
    job, classes = made_up()
    indices = np.arange(120)
    fold = fold_of(indices, classes, {1: 0.9, 2: 0.2, 3: 0.2, 4: 0.5}, 2.0)
    cv_result = CVResult.of(job, [fold])
    assert cv_result.alpha == 0.25
    assert (cv_result.probabilities.argmax(1) == classes).mean() == pytest.approx(0.9)
    few = FoldResult(indices=indices[:3], logits=fold.logits[:, :3], seconds=0.0)
    wanted = softmax(few.logits[-1])  # too few to choose: as trained
    np.testing.assert_allclose(CVResult.of(job, [few]).probabilities, wanted)


def test_shares_that_are_compared(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = make()
    assert alphas_of(job) == (1.0,)  # so few examples cannot choose
    monkeypatch.setattr(cross_validate_module, "MIN_CHOOSING", 5)
    assert alphas_of(job) == ALPHAS
    half = replace(job, settings=job.settings.changed(average=0.5))
    assert alphas_of(half) == (0.5,)
    assert alphas_of(replace(job, head_first=False)) == (1.0,)
    found = list(cross_validate(half, folds_of(job)))
    cv_result = CVResult.of(half, found)
    assert (cv_result.alpha, cv_result.is_chosen) == (0.5, False)


def test_the_end_takes_the_share_and_sharpness_that_were_judged(cache: Path) -> None:
    job = make()
    folds = list(cross_validate(job, folds_of(job)))
    cv_result = replace(CVResult.of(job, folds), alpha=0.25, inverse_temperature=3.0)
    made = refit(job, cv_result)
    assert made.alpha == 0.25
    assert not made.is_chosen
    assert refit(job, replace(cv_result, is_chosen=True)).is_chosen
    np.testing.assert_allclose(made.head.softmax.matrix, 3.0 * np.eye(3))
    _, plain = made.fine_tuned.network(0.25)
    np.testing.assert_array_equal(made.head.layers[0].weight, plain.layers[0].weight)


def test_a_log_has_a_part_for_each_training(cache: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    job = make(epochs=1)
    options = RunOptions(log=tmp_path / "log")
    list(cross_validate(job, folds_of(job), options=options))
    refit(job, None, options=options)
    assert {path.name for path in (tmp_path / "log").iterdir()} == {
        "fold 1", "fold 2", "fold 3", "all",
    }  # fmt: skip


def test_the_folder_lies_in_the_cache(cache: Path) -> None:
    with checkpointed(make(), np.arange(3)) as place:
        assert place.is_relative_to(files.cache_folder())
