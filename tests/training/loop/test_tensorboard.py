"""A log for TensorBoard, where it is installed and where it is not."""

import sys
from pathlib import Path

import pytest

from tests.training import nets
from topwork.errors import SettingError
from topwork.training.loop.trainer import fit


def test_every_epoch_is_logged(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    fitted = fit(nets.task(), nets.plan(), log=tmp_path / "log")
    events = EventAccumulator(str(tmp_path / "log")).Reload()
    found = [(event.step, event.value) for event in events.Scalars("train/loss")]
    assert found == [(e.number, pytest.approx(e.loss)) for e in fitted.history]


def test_what_to_do_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(SettingError, match=r"pip install 'topwork\[tensorboard\]'"):
        fit(nets.task(), nets.plan(), log=tmp_path)
