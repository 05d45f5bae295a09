"""Every benchmark starts, and says what it shows: what it measures is measured by hand.

Those of the moving cut also run once on a handful of pictures, and their sums are checked.
"""

import csv
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests import small

FOLDER = Path(__file__).parent.parent / "benchmarks"
SHARED = ("common.py", "draws.py", "trainings.py")
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.py") if path.name not in SHARED)


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the scripts be imported."""
    monkeypatch.syspath_prepend(str(FOLDER))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of data sets: one of pictures, one of recordings, one of scans."""
    root = tmp_path_factory.mktemp("sets")
    small.write_folder(root / "sign-digits", small.digit_pictures(10))
    sounds = small.write_sounds(root / "spoken-digits", 6)
    paths = sorted(sounds.glob("*/*.wav"))
    rows = [(str(p.relative_to(sounds)), p.parent.name, f"s{i % 6}") for i, p in enumerate(paths)]
    write_table(sounds / "labels.csv", ("file", "label", "speaker"), rows)
    scans = small.write_folder(root / "chest-xray", small.digit_pictures(10))
    rows = [
        (str(p.relative_to(scans)), p.parent.name, f"p{i // 2}")
        for i, p in enumerate(sorted(scans.glob("*/*.png")))
    ]
    write_table(scans / "labels.csv", ("file", "label", "patient"), rows)
    return root


def write_table(path: Path, header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def line(right: str, *, seed: int = 0, train: str = "head", strategy: str = "", **said: Any) -> Any:
    """A line as one_training.py prints it."""
    known = {
        "set": "signs-4", "seed": seed, "train": train, "way": strategy or train, "seconds": 10.0,
        "accuracy": right.count("1") / len(right), "right": right, "num_train": 4,
        "clusters": list(range(len(right))), "settled": [strategy or train],
        "backbone": None, "time_limit": None,
    }  # fmt: skip
    return {**known, **said}


@pytest.mark.parametrize("name", SCRIPTS)
def test_help(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(FOLDER / name), "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout


def test_what_is_short_of_its_bound_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    from common import Figure

    assert Figure(name="a", measured=0.9, bound=0.9).met == "yes"
    assert Figure(name="a", measured=0.89, bound=0.9).met == "no"
    assert Figure(name="a", measured=-0.01, bound=0.0, noise=0.02).met == "within noise"
    assert Figure(name="a", measured=1.2, bound=1.1, at_most=True).met == "no"
    assert Figure(name="a", measured=1.0).met == ""


def test_an_epoch_from_the_cut_beside_one_through_the_whole_network(
    scripts: None, data: Path
) -> None:
    import cut

    row = cut.Row(source="sign-digits", examples=16, backbone=small.SMALL, bound=5.0)
    bench = cut.Epochs(data, row)
    (figure,) = bench.figures(1)
    assert figure.measured > 0
    assert "last:2 of 7 blocks" in figure.name
    own = set(bench.cut.cut.after.module.state_dict())
    frozen = bench.whole.settings.freeze  # the same weights learn in both
    assert frozen
    assert not {f"inner.{name}" for name in frozen} & own


def test_a_tuned_model_served_in_two_ways(scripts: None, data: Path) -> None:
    import cut

    labels, apart = cut.served(data / "sign-digits", small.SMALL, 12, 12)
    assert labels.met == apart.met == "yes"


def test_draws_are_tested_on_others(scripts: None, data: Path) -> None:
    from draws import draw, is_drawn, is_there

    signs = draw(data, "sign-digits-12", 1)
    (split,) = signs.splits
    learned = {example.name for example in split.train.examples}
    assert len(learned) == 12
    assert len(split.test) == 18
    assert not learned & {example.name for example in split.test}
    assert len(set(signs.clusters.values())) == 30
    assert is_drawn("sign-digits-12")
    assert not is_drawn("clothing")
    assert not is_there(data, "clothing-200")
    with pytest.raises(SystemExit, match="accepted: sign-digits"):
        draw(data, "pets-12", 0)


def test_draws_hold_speakers_and_patients_out_whole(scripts: None, data: Path) -> None:
    from draws import draw

    held = []
    for seed in range(3):
        (split,) = draw(data, "spoken-digits-9", seed).splits
        speakers = {example.group for example in split.test}
        assert len(split.train.examples) == 9
        assert not speakers & {example.group for example in split.train.examples}
        held += speakers
    assert sorted(held) == ["s0", "s1", "s2", "s3", "s4", "s5"]
    folds = draw(data, "chest-xray", 0)
    tested = [example.name for split in folds.splits for example in split.test]
    assert sorted(tested) == sorted(example.name for example in folds.whole.examples)
    for split in folds.splits:
        patients = {example.group for example in split.train.examples}
        assert not patients & {example.group for example in split.test}


@pytest.mark.parametrize(
    ("name", "train", "strategy", "limit"),
    [
        ("sign-digits-12", "scratch", "scratch", "1s"),
        pytest.param("sign-digits-12", "last", "last:3", None, marks=pytest.mark.slow),
        pytest.param("chest-xray", "head", "head", None, marks=pytest.mark.slow),
    ],
)
def test_one_training(
    scripts: None, data: Path, name: str, train: str, strategy: str, limit: str | None
) -> None:
    from one_training import run

    found = run(data, name, seed=0, train=train, backbone=small.SMALL, time_limit=limit)
    assert found["way"] == strategy
    assert set(found["settled"]) == {strategy}
    assert len(found["right"]) == len(found["clusters"]) == found["num_test"]
    assert found["accuracy"] == pytest.approx(found["right"].count("1") / found["num_test"])
    assert found["seconds"] > 0
    json.dumps(found)


def test_trainings_that_are_kept_are_not_run_again(
    scripts: None, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import trainings

    started = []

    def pretend(command: list[str]) -> SimpleNamespace:
        started.append(command)
        seed = int(command[command.index("--seed") + 1])
        return SimpleNamespace(output=f"a warning\n{json.dumps(line('1101', seed=seed))}\n")

    monkeypatch.setattr(trainings, "run_process", pretend)
    monkeypatch.setattr(trainings, "is_there", lambda _data, name: name != "pets-4")
    keep = tmp_path / "lines.jsonl"
    wanted = [trainings.Wanted(set="signs-4", seed=seed, train="head") for seed in range(2)]
    first = trainings.run_all(data, wanted[:1], keep)
    keep.write_text(keep.read_text() + '{"set": "sig')  # killed in the middle of a line
    both = trainings.run_all(data, [*wanted, trainings.Wanted(set="pets-4", seed=0, train="head")],
                             keep)  # fmt: skip
    assert [one["seed"] for one in both] == [0, 1]
    assert both[0] == first[0]
    assert len(started) == 2
    assert len(trainings.run_all(data, wanted, keep)) == 2
    assert len(started) == 2


def test_what_lines_say_together(scripts: None) -> None:
    from trainings import difference, share

    few, many = [line("1101" * 25)], [line("1101" * 25, seed=seed) for seed in range(3)]
    assert share(few).value == pytest.approx(0.75)
    assert share(few).low == pytest.approx(0.657, abs=2e-3)  # Wilson's, of 100
    assert share(many).low == pytest.approx(share(few).low, abs=2e-3)  # the same examples thrice
    apart = [line("1" * 90 + "0" * 10), line("1" * 60 + "0" * 40, seed=1)]
    assert share(apart).high - share(apart).low > 0.7  # two draws far apart say little
    more, error = difference([line("1111")], [line("1100")])
    assert more == pytest.approx(0.5)
    assert error == pytest.approx(np.std([0, 0, 1, 1], ddof=1) / 2)
    grouped = {"clusters": [0, 0, 1, 1]}
    _, error = difference([line("1111", **grouped)], [line("1100", **grouped)])
    assert error == pytest.approx(0.5)
    with pytest.raises(RuntimeError, match="not tested on the same"):
        difference([line("1111")], [line("1111", seed=1)])


def test_auto_is_compared_with_the_best_single_way(scripts: None) -> None:
    from strategies import of_set

    lines = [
        line("1" * 80 + "0" * 20),
        line("1" * 90 + "0" * 10, train="last", strategy="last:7", seconds=50.0),
        line("1" * 86 + "0" * 14, train="auto", strategy="last:7", seconds=66.0),
    ]
    *_, points, time = of_set(lines, ("head", "last"))
    assert "auto - best (last:7)" in points.name
    assert points.measured == pytest.approx(-4.0)
    assert points.bound == pytest.approx(-1.97, abs=0.01)
    assert points.met == "no"
    assert time.measured == pytest.approx(66 / 60)
    assert time.met == "yes"
    lines[2]["way"] = "all"
    assert "not run by itself" in of_set(lines, ("head", "last"))[-1].note


def test_the_table_of_transfer(scripts: None) -> None:
    from transfer import figures_of, markdown

    lines = [
        line("1" * 97 + "000", train="auto", strategy="last:7"),
        line("01" * 50, train="scratch"),
    ]
    figures = figures_of("net", lines, bound=0.0)
    assert figures[-1].met == "yes"
    assert figures[-1].measured > 25
    assert "| 4 | 0.970 (0.915 to 0.990), 10 s (last:7) | 0.500" in markdown("net", lines)


def test_training_beside_a_bare_loop(scripts: None, data: Path) -> None:
    import gpu

    bench = gpu.Bench(data / "sign-digits", small.SMALL, "cpu", 12)
    rates = gpu.Training(bench).round()
    assert set(rates) == {"bare loop", "all", "all, augmented"}
    assert all(rate > 0 for rate in rates.values())
    assert gpu.training_figures([rates])[0].bound == 0.9
