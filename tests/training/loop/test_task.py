"""What tasks and plans refuse, and what makes two runs the same."""

from dataclasses import replace

import numpy as np
import pytest

from tests.training import nets
from topwork.errors import SettingError
from topwork.training.loop.task import Plan, digest_run
from topwork.training.settings import Training


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"targets": np.zeros(3, np.int64)}, "3 targets for 40 examples"),
        ({"targets": np.full(40, 3)}, r"3 to 3; accepted .*0 to 2"),
        ({"weights": np.zeros(40, np.float32)}, r"40 weights, .*0\.0; accepted"),
        ({"weights": np.ones(4, np.float32)}, "4 weights"),
        ({"label_smoothing": 1.0}, r"label_smoothing is 1\.0; accepted: .*below 1"),
    ],
)
def test_tasks_that_do_not_fit(values: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        replace(nets.task(), **values)  # type: ignore[arg-type]


def test_plans_that_say_too_little() -> None:
    with pytest.raises(SettingError, match="nothing of epochs, lr; accepted"):
        Plan(settings=Training(batch_size=3))
    with pytest.raises(SettingError, match="micro_batch is 0; accepted: 1 or more"):
        nets.plan(micro_batch=0)


def test_the_digest_covers_what_decides_the_result() -> None:
    task, plan = nets.task(), nets.plan()
    others = [
        digest_run(nets.task(num_examples=41), plan),
        digest_run(nets.task(nets.convolved()), plan),
        digest_run(replace(task, identity="other weights"), plan),
        digest_run(replace(task, weights=np.ones(40, np.float32)), plan),
        digest_run(replace(task, label_smoothing=0.1), plan),
        digest_run(task, nets.plan(epochs=4)),
        digest_run(task, nets.plan(seed=1)),
    ]
    here = digest_run(task, plan)
    assert len({here, *others}) == len(others) + 1
    assert digest_run(nets.task(), nets.plan(micro_batch=1)) == here
