"""The demonstration, at a small size."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests import small
from topwork import demo
from topwork.backbones.catalog import EFFICIENTNET_LITE0
from topwork.cli import app
from topwork.demo import DEFAULT_BACKBONE, RANDOM, DemoRow, run_demo, show_demo, write_digits
from topwork.errors import SettingError, StoreError
from topwork.evaluation.metrics import evaluate


def count(folder: Path) -> int:
    return len(list(folder.glob("*/*.png")))


def test_the_digits_are_dealt_once(tmp_path: Path) -> None:
    write_digits(tmp_path / "digits", num_train=50)
    train, test = tmp_path / "digits" / "train", tmp_path / "digits" / "test"
    assert (count(train), count(test)) == (50, 1747)
    assert sorted(path.name for path in train.iterdir()) == [str(k) for k in range(10)]
    assert min(len(list(path.iterdir())) for path in train.iterdir()) >= 4
    names = [path.name for path in (tmp_path / "digits").glob("*/*/*.png")]
    assert len(set(names)) == 1797
    with Image.open(next(train.glob("*/*.png"))) as image:
        assert (image.size, image.mode) == ((8, 8), "L")
        assert np.asarray(image).max() == 255


def test_the_same_again_is_the_same(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_digits(tmp_path / name, num_train=20)
    first, second = (
        sorted(p.relative_to(tmp_path / name) for p in (tmp_path / name).glob("train/*/*"))
        for name in ("a", "b")
    )
    assert first == second


def test_its_own_folder_is_made_anew(tmp_path: Path) -> None:
    write_digits(tmp_path / "digits", num_train=20)
    write_digits(tmp_path / "digits", num_train=30)
    assert count(tmp_path / "digits" / "train") == 30
    assert count(tmp_path / "digits" / "test") == 1767


def test_a_folder_of_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "digits-50").mkdir()
    (tmp_path / "digits-50" / "thesis.txt").write_text("mine")
    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert "is not empty, and was not made by the demo" in result.stderr
    assert (tmp_path / "digits-50" / "thesis.txt").read_text() == "mine"
    with pytest.raises(SettingError, match="Give another: topwork demo --out FOLDER"):
        run_demo(tmp_path)


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("mine")
    with pytest.raises(StoreError, match=r"Writing the pictures to .* failed"):
        run_demo(tmp_path / "demo")
    with pytest.raises(SettingError, match="is a file"):
        write_digits(tmp_path / "demo", num_train=20)
    assert (tmp_path / "demo").read_text() == "mine"


@pytest.fixture
def fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Test on one digit in thirty, beside a small network of random weights."""
    plain = demo.write_digits

    def write(folder: Path, *, num_train: int, seed: int = 0) -> None:
        plain(folder, num_train=num_train, seed=seed)
        for path in sorted(folder.glob("test/*/*.png")):
            if int(path.stem) % 30:
                path.unlink()

    monkeypatch.setattr(demo, "write_digits", write)
    monkeypatch.setattr(demo, "RANDOM", small.SMALL)


@pytest.mark.slow
@pytest.mark.usefixtures("fewer")
def test_it_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stages = set()
    rows = run_demo(tmp_path, sizes=(40,), on_progress=lambda stage, done, total: stages.add(stage))
    assert [row.num_examples for row in rows] == [40]
    row = rows[0]
    assert row.pretrained.num_examples == row.random.num_examples > 40
    assert row.pretrained.accuracy.value > 0.5
    assert row.pretrained != row.random
    value, low, high = row.worth
    assert low <= value <= high
    assert value == pytest.approx(row.pretrained.accuracy.value - row.random.accuracy.value)
    assert {"40 pre-trained: features", "40 random: cross-validate"} <= stages
    show_demo(rows)
    printed = capsys.readouterr().out
    assert "40 examples" in printed
    assert f"{row.pretrained.accuracy.value:.3f}" in printed
    assert set(row.to_dict()) == {"num_examples", "pretrained", "random", "worth"}


def test_a_test_part_that_was_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Untested:
        test = None

    monkeypatch.setattr(demo, "train", lambda *arguments, **settings: Untested())
    with pytest.raises(SettingError, match=r"digits-50' has lost its test part\. Remove it"):
        run_demo(tmp_path)


def test_both_networks_are_of_one_architecture() -> None:
    assert RANDOM.split("?")[0] == DEFAULT_BACKBONE == EFFICIENTNET_LITE0.name


def test_a_row_says_what_transfer_is_worth() -> None:
    truth = np.arange(100) % 2
    good, chance = np.eye(2)[truth], np.full((100, 2), 0.5)
    row = DemoRow(
        num_examples=10,
        pretrained=evaluate(good, truth, ("a", "b"), method="test"),
        random=evaluate(chance, truth, ("a", "b"), method="test"),
    )
    assert row.to_dict()["worth"]["value"] == pytest.approx(0.5)
    assert row.to_dict()["worth"]["low"] > 0.35
