"""Windows of saved examples: whose they are, which view comes when, and views that repeat."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from tests import small
from tests.training import jobs
from topwork.examples.sources import examples_from, read_examples
from topwork.features.activations import Activations, save_activations
from topwork.training import finetune
from topwork.training.loop.task import Task
from topwork.training.source import Windows

AUGMENT = ("rotate", "colour")


@pytest.fixture(scope="module")
def long_sounds(tmp_path_factory: pytest.TempPathFactory) -> Activations:
    """Sounds of one to three windows; of each window what comes out at the cut."""
    root = tmp_path_factory.mktemp("long") / "sounds"
    for name, hz in (("high", 1500.0), ("low", 300.0)):
        (root / name).mkdir(parents=True)
        for i, seconds in enumerate((0.3, 2.4, 1.0, 1.7)):
            soundfile.write(
                root / name / f"{i}.wav", small.tone(hz, seconds, seed=i), small.RATE_HZ
            )
    backbone = small.tiny_sound_backbone()
    return save_activations(read_examples(root).examples, backbone, "2", device="cpu")


def test_every_window_of_the_examples_asked_for(long_sounds: Activations) -> None:
    examples = np.array([5, 1, 0])
    source = Windows.of(long_sounds, examples)
    counts = [long_sounds.num_windows(int(i)) for i in examples]
    assert max(counts) > 1
    assert source.num_examples == sum(counts)
    assert source.indices.tolist() == np.repeat(examples, counts).tolist()
    for place in range(source.num_examples):
        row, number = int(source.indices[place]), int(source.numbers[place])
        wanted = long_sounds.read(row, 0, number)
        assert source.shape(place) == wanted.shape
        found = source.load([place], 0)
        assert found.dtype == torch.float32  # saved in 16 bits
        np.testing.assert_array_equal(found[0].numpy(), wanted.astype(np.float32))


def test_none_of_no_examples(long_sounds: Activations) -> None:
    assert Windows.of(long_sounds, np.empty(0, np.intp)).num_examples == 0


def test_windows_have_their_examples_label_and_weigh_as_much_as_it_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    texts = ["rain " * 70, "a card", "snow", "cards and cards " * 30, "my card", "fog"]
    labels = ["weather", "cards", "weather", "cards", "cards", "weather"]
    texts.append("sun")
    labels.append("weather")
    examples = examples_from(texts, labels, modality="text").examples
    job = jobs.make_job(small.tiny_text_backbone(), examples, "0", class_weight="balanced")
    assert job.saved.num_windows(0) > 1
    tasks: list[Task] = []
    plain = finetune.fit

    def fit(task: Task, plan: object, **more: object) -> object:
        tasks.append(task)
        return plain(task, plan, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(finetune, "fit", fit)
    rows = np.array([6, 0, 1, 3, 5])
    finetune.finetune(job, rows)
    (task,) = tasks
    assert isinstance(task.source, Windows)
    assert task.weights is not None
    assert job.labels.weights is not None
    classes = job.labels.classes
    assert task.targets.tolist() == [classes[row] for row in task.source.indices]
    sums = {int(row): task.weights[task.source.indices == row].sum() for row in rows}
    wanted = job.labels.weights[rows]
    found = np.array([sums[int(row)] for row in rows])
    np.testing.assert_allclose(found / found.sum(), wanted / wanted.sum(), rtol=1e-5)
    assert task.weights.mean() == pytest.approx(1, rel=1e-5)


def test_saved_views_come_in_turn() -> None:
    examples = jobs.colour_examples(2)
    saved = save_activations(
        examples, jobs.conv2d(), "block0", device="cpu", augment=AUGMENT, num_views=3
    )
    source = Windows.of(saved, np.array([1, 4]), augment=AUGMENT)
    for epoch in range(7):
        loaded = source.load([1, 0], epoch).numpy()
        for one, row in zip(loaded, (4, 1), strict=True):
            np.testing.assert_array_equal(one, saved.read(row, epoch % 3).astype(np.float32))
    assert not np.array_equal(source.load([0], 0), source.load([0], 1))


def test_views_made_on_the_way_depend_on_the_content_and_the_epoch_alone() -> None:
    backbone = jobs.conv2d()
    examples = jobs.colour_examples(3, noise=60.0)
    saved = save_activations(examples, backbone, None)
    source = Windows.of(saved, np.arange(9), preprocessing=backbone.input, augment=AUGMENT)
    plain = source.load([3], 0)[0].numpy()
    np.testing.assert_array_equal(plain, saved.read(3))  # epoch 0: as it is
    assert plain.dtype == np.uint8
    first = [source.load([i], 1)[0] for i in range(9)]
    again = source.load(list(range(9)), 1)
    other_order = Windows.of(
        saved, np.arange(9)[::-1], preprocessing=backbone.input, augment=AUGMENT
    )
    for i in range(9):
        assert torch.equal(first[i], again[i])
        assert torch.equal(first[i], other_order.load([8 - i], 1)[0])
    differ = [not torch.equal(source.load([i], 2)[0], first[i]) for i in range(9)]
    assert sum(differ) > 4
    none = replace(source, augment=())
    assert torch.equal(none.load([3], 5)[0], torch.from_numpy(plain.copy()))
