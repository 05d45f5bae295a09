from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests import small
from tests.evidence.transfer.test_layer_probe import head_on
from topwork.backbones.base import Backbone
from topwork.core.memo import memo_folder
from topwork.core.progress import listening
from topwork.errors import SettingError, TrainingError
from topwork.evidence.transfer import scratch_baseline as module
from topwork.evidence.transfer.comparison import Comparison
from topwork.evidence.transfer.scratch_baseline import find_scratch_baseline, run_scratch_baseline
from topwork.runs.head import HeadRun

LARGER = "timm/test_efficientnet?pretrained=false&size=96"


@pytest.fixture(scope="module")
def comparison(digits: Path) -> Comparison:
    return Comparison.of(head_on(digits, small.SMALL, seed=7))  # no other test's controls


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plan as if an epoch took a fixed time, so that no test depends on the clock."""
    monkeypatch.setattr(module, "seconds_of_epoch", lambda _job, _rows: 1.0)
    monkeypatch.setattr(module, "OVERTIME", 1000.0)


def test_a_short_limit_is_spent_on_one_fold_and_kept(comparison: Comparison, quick: None) -> None:
    assert find_scratch_baseline(comparison) is None
    steps: list[tuple[str, int, int]] = []
    with listening(lambda *told: steps.append(told)):
        made = run_scratch_baseline(comparison, limit_seconds=4.0)
    assert (made.num_folds, made.of_folds, made.epochs) == (1, 5, 3)  # 0.9 of 4 seconds
    assert np.array_equal(made.indices, np.sort(comparison.drawn[0][0]))
    assert made.probabilities.sum(1) == pytest.approx(1.0)
    assert ("train scratch", 3, 3) in steps
    assert made.caveat == (
        "Training from scratch had 3 of its usual 200 epochs: with a longer limit the gain may be "
        "smaller."
    )
    assert replace(made, epochs=200).caveat == ""
    assert "3 epochs for 1 of 5 folds, so that each had more time" in made.sentence
    found = find_scratch_baseline(comparison)
    assert found is not None
    assert np.array_equal(found.probabilities, made.probabilities)
    assert found.seconds == made.seconds
    assert (
        run_scratch_baseline(comparison, limit_seconds=4.0).seconds == made.seconds
    )  # not trained again
    assert find_scratch_baseline(comparison, limit_seconds=5.0) is None
    answered = made.answered(comparison)
    wanted = made.probabilities.argmax(1) == comparison.labels.classes[made.indices]
    assert np.array_equal(answered.right, wanted)


def test_a_damaged_one_is_as_good_as_none(comparison: Comparison, quick: None) -> None:
    run_scratch_baseline(comparison, limit_seconds=3.0)
    (kept,) = (path for path in memo_folder().glob("*-3.arrays"))
    kept.write_bytes(kept.read_bytes()[:50])
    assert find_scratch_baseline(comparison, limit_seconds=3.0) is None


@pytest.mark.parametrize(
    ("seconds", "folds", "epochs"), [(40.0, 1, 36), (120.0, 2, 50), (10_000.0, 5, 50)]
)
def test_more_folds_where_each_has_its_usual_epochs(
    seconds: float, folds: int, epochs: int
) -> None:
    class TrainingJob:
        class labels:
            classes = np.zeros(30)

        class settings:
            epochs = 50

    assert module._plan(TrainingJob, 1.0, seconds, 5) == (folds, epochs)  # type: ignore[arg-type]


def test_pictures_shrink_where_few_epochs_fit(digits: Path, quick: None) -> None:
    larger = Comparison.of(head_on(digits, LARGER))
    made = run_scratch_baseline(larger, limit_seconds=4.0)
    assert made.side == 64
    assert "(of pictures of 64 px, so that more of them fit)" in made.sentence
    found = find_scratch_baseline(larger)
    assert found is not None
    assert found.side == 64


def test_a_limit_that_holds_no_two_epochs(comparison: Comparison, quick: None) -> None:
    with pytest.raises(TrainingError, match=r"30 examples takes 1 s .* 1 s were allowed"):
        run_scratch_baseline(comparison, limit_seconds=1.0)


def test_a_module_of_ones_own_has_no_control(digits: Path, tiny_backbone: Backbone) -> None:
    own: HeadRun = head_on(digits, tiny_backbone)
    with pytest.raises(SettingError, match="cannot be built anew"):
        run_scratch_baseline(Comparison.of(own), limit_seconds=2.0)
