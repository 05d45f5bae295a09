import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests import small
from topwork.backbones.named_architecture import architecture
from topwork.examples.sources import examples_from
from topwork.training import budget
from topwork.training.budget import AGREED, agree_epochs, seconds_of_epoch
from topwork.training.finetune import finetune
from topwork.training.prepare import Prepared
from topwork.training.settings import Training


@pytest.fixture(scope="module")
def ready() -> Prepared:
    images, labels = small.colours(3, 60)
    found = examples_from(images, labels, modality="image")
    backbone = architecture("topwork/conv2d:16,16", size=16)
    return Prepared.of(found, backbone, Training(batch_size=16), 0, "cpu")


def test_tries_out_what_an_epoch_takes(ready: Prepared) -> None:
    guessed = seconds_of_epoch(ready.job, ready.train)
    job = replace(ready.job, settings=ready.job.settings.changed(epochs=2))
    measured = finetune(job, ready.train).history[-1].seconds
    assert measured / 8 < guessed < measured * 8  # a busy machine may be that uneven


@pytest.mark.parametrize(
    ("seconds", "limit", "least", "most"),
    [(1.0, 20, 16, 18), (30.0, 20, 1, 1), (1e-3, 1e6, 300, 300), (1.0, -5, 1, 1)],
)
def test_as_many_epochs_as_go_into_the_time(
    seconds: float, limit: float, least: int, most: int,
    ready: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(budget, "seconds_of_epoch", lambda job, rows: seconds)
    job = agree_epochs(ready.job, ready.train, stop_at=time.monotonic() + limit, folder=tmp_path)
    assert least <= (job.settings.epochs or 0) <= most


def test_a_run_keeps_the_number_it_began_with(
    ready: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def agreed(seconds: float, rows: int = 0) -> int | None:
        monkeypatch.setattr(budget, "seconds_of_epoch", lambda job, rows: seconds)
        chosen = ready.train[rows:]
        until = time.monotonic() + 20
        return agree_epochs(ready.job, chosen, stop_at=until, folder=tmp_path).settings.epochs

    first = agreed(1.0)
    assert agreed(2.0) == first
    assert agreed(2.0, rows=1) != first  # another run
    (tmp_path / AGREED).write_text(json.dumps({"request": 3}))
    assert agreed(4.0) == 4
    (tmp_path / AGREED).write_text("damaged")
    assert agreed(10.0) == 1
