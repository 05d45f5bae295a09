import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.training import jobs
from topwork.backbones.named_architecture import architecture
from topwork.examples.views import DEFAULT_AUGMENT
from topwork.training import budget
from topwork.training.budget import AGREED, agree_epochs, seconds_of_epoch
from topwork.training.finetune import finetune
from topwork.training.training_job import TrainingJob


@pytest.fixture(scope="module")
def job() -> TrainingJob:
    """Of random weights, with augmented inputs."""
    return jobs.make_job(
        architecture("topwork/conv2d:16,16", size=16), jobs.colour_examples(60), head_first=False,
        batch_size=16, batch_norm="train", augment=DEFAULT_AUGMENT["image"],
    )  # fmt: skip


def test_tries_out_what_an_epoch_takes(job: TrainingJob) -> None:
    rows = jobs.rows_of(job)
    guessed = seconds_of_epoch(job, rows)
    short = replace(job, settings=job.settings.changed(epochs=2))
    measured = finetune(short, rows).history[-1].seconds
    assert measured / 8 < guessed < measured * 8  # a busy machine may be that uneven


@pytest.mark.parametrize(
    ("seconds", "limit", "least", "most"),
    [(1.0, 20, 16, 18), (30.0, 20, 1, 1), (1e-3, 1e6, 300, 300), (1.0, -5, 1, 1)],
)
def test_as_many_epochs_as_go_into_the_time(
    seconds: float, limit: float, least: int, most: int,
    job: TrainingJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(budget, "seconds_of_epoch", lambda job, rows: seconds)
    until = time.monotonic() + limit
    agreed = agree_epochs(job, jobs.rows_of(job), stop_at=until, folder=tmp_path)
    assert least <= (agreed.settings.epochs or 0) <= most


def test_a_run_keeps_the_number_it_began_with(
    job: TrainingJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def agreed(seconds: float, rows: int = 0) -> int | None:
        monkeypatch.setattr(budget, "seconds_of_epoch", lambda job, rows: seconds)
        chosen = jobs.rows_of(job)[rows:]
        until = time.monotonic() + 20
        return agree_epochs(job, chosen, stop_at=until, folder=tmp_path).settings.epochs

    first = agreed(1.0)
    assert agreed(2.0) == first
    assert agreed(2.0, rows=1) != first  # another run
    (tmp_path / AGREED).write_bytes((tmp_path / AGREED).read_bytes().replace(b'": 1', b'": 7'))
    assert agreed(4.0) == 4
    (tmp_path / AGREED).write_text("damaged")
    assert agreed(10.0) == 1
