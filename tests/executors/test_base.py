"""What all executors share."""

import numpy as np
import pytest

from topwork.errors import BackboneError, SettingError
from topwork.executors.base import POOLS, WHOLE, WindowForm, order_pools


def test_pools_are_put_in_the_order_of_storage() -> None:
    assert order_pools(["grid2", "mean", "grid2"]) == ("mean", "grid2")
    assert order_pools(POOLS) == POOLS


@pytest.mark.parametrize(("pools", "message"), [(["median"], "Remove 'median'"), ([], "at least")])
def test_other_pools_are_refused(pools: list[str], message: str) -> None:
    with pytest.raises(SettingError, match=f"accepted: .*mean, std, max.*{message}"):
        order_pools(pools)


def test_a_whole_output_is_accepted_alone_and_not_from_users() -> None:
    assert order_pools([WHOLE], or_whole=True) == (WHOLE,)
    assert order_pools(["max", "mean"], or_whole=True) == ("mean", "max")
    with pytest.raises(SettingError, match="Remove 'whole'"):
        order_pools([WHOLE])
    with pytest.raises(SettingError, match="Remove 'whole'"):
        order_pools([WHOLE, "mean"], or_whole=True)


def test_windows_of_another_form_are_refused() -> None:
    images = WindowForm(dtype="uint8", shape=(4, 4, 3))
    images.check(np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(BackboneError, match=r"uint8 \[4, 4, 3\],.*got uint8 \[5, 4, 3\]"):
        images.check(np.zeros((5, 4, 3), np.uint8))
    with pytest.raises(BackboneError, match=r"and got float64 \[4, 4, 3\]"):
        images.check(np.zeros((4, 4, 3)))
    texts = WindowForm(dtype="int64", shape=(None,))
    texts.check(np.zeros(7, np.int64))
    with pytest.raises(BackboneError, match=r"int64 \['any'\],.*got int64 \[1, 7\]"):
        texts.check(np.zeros((1, 7), np.int64))
