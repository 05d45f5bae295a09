"""Backbones made from random weights: what is written, what it is worth, and what a stop costs."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file
from typer.testing import CliRunner

from tests import small
from tests.backbones import folders
from tests.small import ROOT
from topwork.backbones.registry import get_backbone
from topwork.cli.app import app
from topwork.errors import (
    BackboneError,
    DataError,
    ModalityError,
    SettingError,
    TooFewError,
    UnknownBackboneError,
)
from topwork.runs.pretrain import Pretrained, pretrain
from topwork.runs.train import train
from topwork.training import budget
from topwork.training.loop.task import Epoch
from topwork.training.settings import Training

ARCHITECTURE = "topwork/conv2d:8,16"
IMAGES, LABELS = small.colours(4, 30, noise=40)
"""Of 16 px; their colour says what they are."""


def made(out: Path, **changes: Any) -> Pretrained:
    """Pre-train on the colours, for some tenths of a second."""
    given: dict[str, Any] = {"size": 16, "epochs": 6, "augment": (), "batch_size": 16, **changes}
    return pretrain(IMAGES, LABELS, architecture=ARCHITECTURE, out=out, **given)


def weights(folder: Path) -> dict[str, np.ndarray]:
    return {k: v.float().numpy() for k, v in load_file(folder / "model.safetensors").items()}


def same(one: Path, other: Path) -> bool:
    a, b = weights(one), weights(other)
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("backbones") / "undisturbed"
    made(out)
    return out


# --- what comes of it


def test_writes_a_backbone_with_its_card(tmp_path: Path) -> None:
    epochs: list[tuple[int, int]] = []
    stages: set[str] = set()
    found = made(
        tmp_path / "mine",
        epochs=12,
        on_epoch=lambda epoch, planned: epochs.append((epoch.number, planned)),
        on_progress=lambda stage, done, total: stages.add(stage),
    )
    assert epochs == [(n, 12) for n in range(1, 13)]
    assert {"read", "decode"} <= stages
    assert found.num_train == 108
    assert found.evaluation is not None
    assert found.evaluation.num_examples == 12
    assert found.evaluation.accuracy.value >= 0.75  # chance is 0.25
    assert found.history[-1].loss < found.history[0].loss
    assert found.backbone.card.num_pretraining_examples == 108
    assert not list(tmp_path.glob("*.checkpoint"))
    report = json.loads((tmp_path / "mine" / "config.json").read_text())["report"]
    assert report["num_classes"] == 4
    assert report["epochs"] == 12
    assert report["score"]["low"] < report["score"]["value"]
    assert "held out: 12 examples" in (tmp_path / "mine" / "README.md").read_text()
    state = weights(tmp_path / "mine")
    assert any("running_mean" in k and np.abs(v).max() > 0.01 for k, v in state.items())


def test_what_it_wrote_is_a_backbone_like_any_other(undisturbed: Path) -> None:
    images, labels = small.colours(3, 8, seed=5)
    model = train(images, labels, backbone=undisturbed, num_repeats=1)
    assert model.evaluation is not None
    assert model.evaluation.accuracy.value > 0.6
    assert model.backbone.digest == get_backbone(str(undisturbed)).digest


def test_the_same_seed_gives_the_same_weights(undisturbed: Path, tmp_path: Path) -> None:
    made(tmp_path / "again")
    assert same(undisturbed, tmp_path / "again")
    made(tmp_path / "other", seed=1)
    assert not same(undisturbed, tmp_path / "other")


def test_the_score_is_on_the_datas_own_test_part(tmp_path: Path) -> None:
    data = tmp_path / "data"
    small.write_folder(data / "train", small.digit_pictures(12))
    small.write_folder(data / "test", small.digit_pictures(4, skip=12))
    found = pretrain(data, architecture=ARCHITECTURE, out=tmp_path / "b", size=16, epochs=1)
    assert found.num_train == 36
    assert found.evaluation is not None
    assert found.evaluation.method == "the data's own test part: 12 examples"
    assert found.backbone.card.pretrained_on == "data"
    (data / "test").rename(data / "validation")
    found = pretrain(data, architecture=ARCHITECTURE, out=tmp_path / "c", size=16, epochs=1)
    assert found.evaluation is not None
    assert found.evaluation.method == "the data's own validation part: 12 examples"


def test_a_tenth_is_held_out_and_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    images, labels = small.colours(3, 20)
    images[4] = images[4][:0]  # no pixels
    found = pretrain(
        images, labels, architecture="topwork/conv2d:8", out=tmp_path / "b", size=16, epochs=1
    )
    assert found.evaluation is not None
    assert (found.num_train, found.evaluation.num_examples) == (53, 6)
    assert found.evaluation.method == "a tenth of the examples, held out: 6 examples"
    assert found.classes == ("c000", "c001", "c002")
    assert [one.name for one in found.skipped] == ["input 4"]


def test_a_class_of_which_nothing_can_be_read(tmp_path: Path) -> None:
    data = small.write_folder(tmp_path / "data", small.digit_pictures(5))
    for place, path in enumerate(sorted((data / "one").iterdir())):
        path.write_bytes(path.read_bytes()[: 60 + place])  # the header is whole, the rest is not
    with pytest.raises(TooFewError, match=r"No image .* 1 of the classes: one"):
        pretrain(data, architecture=ARCHITECTURE, out=tmp_path / "b", size=16, epochs=1)
    assert not (tmp_path / "b").exists()


def test_says_where_groups_cross_and_where_there_is_no_score(tmp_path: Path) -> None:
    two = pretrain(
        IMAGES[:2] + IMAGES[-2:],
        LABELS[:2] + LABELS[-2:],
        groups=["p", "p", "q", "q"],
        architecture=ARCHITECTURE,
        out=tmp_path / "b",
        size=16,
        epochs=1,
    )
    assert two.evaluation is None
    assert two.notes == ("There is no score: there were too few examples to hold any out.",)
    assert "score" not in two.to_dict()
    table = tmp_path / "table.csv"
    rows = [f"{split},{label},p{i}" for i, label in enumerate("ab") for split in ("train", "test")]
    lines = [f"a text of {label} {i},{row}" for i, row in enumerate(rows) for label in row[-4:-3]]
    table.write_text("\n".join(["text,split,label,patient", *lines]))
    folders.text_folder(tmp_path / "net")
    crossed = pretrain(
        table,
        architecture=str(tmp_path / "net"),
        out=tmp_path / "c",
        group_column="patient",
        epochs=1,
    )
    assert any(note.startswith("2 groups stand in the training part") for note in crossed.notes)


# --- other kinds


def test_sounds(tmp_path: Path) -> None:
    folders.sound_folder(tmp_path / "net", "wav2vec2")
    data = small.write_sounds(tmp_path / "data", 5)
    found = pretrain(data, architecture=str(tmp_path / "net"), out=tmp_path / "b", epochs=2)
    assert found.backbone.modality == "sound"
    model = train(data, backbone=tmp_path / "b", train="head", num_repeats=1)
    assert model.predict([data / "low" / "0.wav"])[0].label in small.TONES  # type: ignore[index]


def test_texts(tmp_path: Path) -> None:
    folders.text_folder(tmp_path / "net")
    table = small.write_texts(tmp_path / "texts.csv")
    found = pretrain(
        table, architecture=str(tmp_path / "net"), out=tmp_path / "b", epochs=2, augment=()
    )
    assert found.settings.lr == 5e-4  # LayerNorm
    assert (tmp_path / "b" / "tokenizer.json").exists()
    model = train(table, backbone=tmp_path / "b", train="head", num_repeats=1)
    assert model.predict(["rain and snow"])[0].label in small.TOPICS  # type: ignore[index]


def test_arrays_say_their_own_shape(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.normal(k % 2, 1, (3, 6)).astype(np.float32) for k in range(60)]
    labels = ["even" if k % 2 == 0 else "odd" for k in range(60)]
    found = pretrain(arrays, labels, architecture="topwork/mlp:16", out=tmp_path / "b", epochs=20)
    assert found.backbone.input.settings()["shape"] == [3, 6]
    assert found.evaluation is not None
    assert found.evaluation.accuracy.value > 0.5
    model = train(arrays, labels, backbone=tmp_path / "b", num_repeats=1)
    assert model.backbone.modality == "array"


# --- stopped, killed, resumed


class Stop(Exception):
    pass


@pytest.mark.parametrize("precision", ["auto", "f32"])
@pytest.mark.parametrize("after", [1, 3, 6])
def test_goes_on_after_ctrl_c_as_if_nothing_had_happened(
    after: int, precision: str, tmp_path: Path
) -> None:
    def stop(epoch: Epoch, planned: int) -> None:
        if epoch.number == after:
            raise KeyboardInterrupt

    made(tmp_path / "whole", precision=precision)
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path / "mine", precision=precision, on_epoch=stop)
    assert not (tmp_path / "mine").exists()
    numbers: list[int] = []
    found = made(
        tmp_path / "mine", precision=precision, on_epoch=lambda e, n: numbers.append(e.number)
    )
    assert numbers == list(range(after + 1, 7))
    assert [epoch.number for epoch in found.history] == [1, 2, 3, 4, 5, 6]
    assert same(tmp_path / "whole", tmp_path / "mine")
    assert not list(tmp_path.glob("*.checkpoint"))


def test_begins_anew_where_asked_and_after_another_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def stop(epoch: Epoch, planned: int) -> None:
        raise Stop

    def numbers(**changes: Any) -> list[int]:
        heard: list[int] = []
        made(
            tmp_path / "mine",
            overwrite=True,
            on_epoch=lambda epoch, planned: heard.append(epoch.number),
            **changes,
        )
        return heard

    for changes in ({"resume": False}, {"lr": 0.002}):
        with pytest.raises(Stop):
            made(tmp_path / "mine", overwrite=True, on_epoch=stop)
        assert (tmp_path / "mine.checkpoint").is_dir()
        caplog.clear()
        assert numbers(**changes) == [1, 2, 3, 4, 5, 6]
        assert ("of another run" in caplog.text) == ("lr" in changes)


def last_epoch(checkpoints: Path) -> int:
    return max((int(p.name.removeprefix("epoch-")) for p in checkpoints.glob("epoch-*")), default=0)


CHILD = """
import sys
from pathlib import Path
from tests.runs.test_pretrain import made
print("ready", flush=True)
sys.stdin.readline()
made(Path(sys.argv[1]), epochs=40)
"""


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on(tmp_path: Path) -> None:
    made(tmp_path / "whole", epochs=40)
    moments, out = random.Random(0), tmp_path / "mine"
    checkpoints = tmp_path / "mine.checkpoint"
    for _ in range(5):
        before = last_epoch(checkpoints)
        with subprocess.Popen(
            [sys.executable, "-c", CHILD, str(out)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},  # as here: more threads round otherwise
        ) as child:  # fmt: skip
            assert child.stdout is not None
            assert child.stdin is not None
            child.stdout.readline()
            child.stdin.write("\n")
            child.stdin.flush()
            while child.poll() is None and last_epoch(checkpoints) <= before + 1:
                time.sleep(0.002)
            time.sleep(moments.uniform(0, 0.05))
            child.kill()
        assert not out.exists()
        assert last_epoch(checkpoints) > before
    heard: list[int] = []
    made(out, epochs=40, on_epoch=lambda epoch, planned: heard.append(epoch.number))
    assert heard[0] > 5
    assert same(tmp_path / "whole", out)


# --- the time limit


def test_as_many_epochs_as_go_into_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "seconds_of_epoch", lambda job, rows: 10.0)

    def stop(epoch: Epoch, planned: int) -> None:
        raise Stop

    with pytest.raises(Stop):
        made(tmp_path / "mine", epochs=None, time_limit="100s", on_epoch=stop)
    monkeypatch.setattr(budget, "seconds_of_epoch", lambda job, rows: 1.0)
    found = made(tmp_path / "mine", epochs=None, time_limit="1h")
    assert len(found.history) == 8  # as agreed in the first call: 0.9 * 100 s, less what was read
    found = made(tmp_path / "other", epochs=2, time_limit="1h")
    assert len(found.history) == 2


def test_the_limit_ends_it_and_says_so(tmp_path: Path) -> None:
    found = made(tmp_path / "mine", epochs=10_000, time_limit=3)
    assert 1 <= len(found.history) < 10_000
    assert any(note.startswith("The time limit ended training") for note in found.notes)


# --- what is refused


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"architecture": "timm/resnet1"}, UnknownBackboneError, r"resnet1"),
        ({"size": None}, SettingError, r"depends on what it takes.*\?size=32"),
        ({"epoch": 3}, SettingError, r"pretrain\(\) got epoch; accepted.*epochs"),
        ({"layer_decay": 0.5}, SettingError, r"layer_decay .*not used from random weights"),
        ({"batch_norm": "frozen"}, SettingError, r"batch_norm = 'frozen' .*Remove"),
        ({"time_limit": "soon"}, SettingError, r"The time limit is 'soon'"),
        ({"augment": ("echo",)}, SettingError, r"augment has 'echo'; accepted for images"),
    ],
)
def test_settings_that_are_not_accepted(
    changes: dict[str, Any], error: type[Exception], message: str, tmp_path: Path
) -> None:
    given: dict[str, Any] = {"architecture": ARCHITECTURE, "size": 16, "epochs": 1, **changes}
    with pytest.raises(error, match=message):
        pretrain(IMAGES, LABELS, out=tmp_path / "b", **given)
    assert not (tmp_path / "b").exists()


def test_data_that_is_not_accepted(tmp_path: Path) -> None:
    given: dict[str, Any] = {"architecture": ARCHITECTURE, "out": tmp_path / "b", "size": 16}
    with pytest.raises(TooFewError, match=r"only one class, 'x'"):
        pretrain(IMAGES, ["x"] * len(IMAGES), **given)
    with pytest.raises(SettingError, match=r"The data is a list without labels"):
        pretrain(IMAGES, **given)
    with pytest.raises(SettingError, match=r"given for a folder or table"):
        pretrain(tmp_path, ["x"], **given)
    with pytest.raises(DataError, match=r"There is no folder or file"):
        pretrain(tmp_path / "nothing", **given)
    (tmp_path / "arrays.npz").write_bytes(b"none")
    with pytest.raises(DataError, match=r"arrays\.npz"):
        pretrain(tmp_path / "arrays.npz", architecture="topwork/mlp", out=tmp_path / "b")


@pytest.mark.parametrize("architecture", ["topwork/mlp:8", "topwork/mlp:8?shape=768"])
def test_an_architecture_for_something_else(
    architecture: str, digits: Path, tmp_path: Path
) -> None:
    with pytest.raises((ModalityError, SettingError), match=r"holds images, and|depends on what"):
        pretrain(digits, architecture=architecture, out=tmp_path / "b")


def test_a_place_that_is_taken(undisturbed: Path, tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match=r"holds a backbone already.*--overwrite"):
        made(undisturbed)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(BackboneError, match=r"is not empty, and holds no backbone"):
        made(tmp_path, overwrite=True)


# --- the command


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, list(map(str, arguments)))


def test_the_command(digits: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('seed = 3\n[training]\nlr = 0.002\naugment = ["shift"]\n')
    given = ("--architecture", ARCHITECTURE, "--size", 16, "--epochs", 2, "--recipe", recipe)
    result = run("pretrain", digits, "--out", tmp_path / "b", *given)
    assert result.exit_code == 0, result.output
    assert "epoch 2 of 2: loss" in result.stderr
    assert "a tenth of the examples, held out: 3 examples" in result.stdout
    assert "Next: topwork train DATA --backbone" in result.stdout
    result = run("pretrain", digits, "--out", tmp_path / "c", *given, "--json", "--no-resume")
    assert result.stderr == ""
    told = json.loads(result.stdout)
    assert told["settings"]["lr"] == 0.002
    assert told["settings"]["augment"] == ["shift"]
    assert told["epochs"] == 2
    assert same(tmp_path / "b", tmp_path / "c")
    assert run("pretrain", digits, "--out", tmp_path / "b", *given).exit_code == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lr = 1", "The recipe has 'lr'; accepted for"),
        ("training = 3", "The recipe has 'training'"),
        ("[training]\nlr2 = 1", "table has 'lr2'"),
        ("=", "cannot be read"),
    ],
)
def test_recipes_that_are_none(text: str, message: str, digits: Path, tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(text)
    result = run("pretrain", digits, "--architecture", ARCHITECTURE, "--out", tmp_path / "b",
                 "--recipe", tmp_path / "r.toml")  # fmt: skip
    assert result.exit_code == 2
    assert message in result.stderr


def test_settings_as_one_value(tmp_path: Path) -> None:
    found = made(tmp_path / "b", epochs=None, settings=Training(epochs=1, optimiser="sgd"))
    assert (found.settings.epochs, found.settings.lr) == (1, 0.1)
