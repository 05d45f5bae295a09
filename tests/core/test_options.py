from pathlib import Path

from topwork.core.options import RunOptions


def test_a_log_in_a_folder_of_its_own() -> None:
    options = RunOptions(device="cpu", log=Path("logs"), strict=True)
    inner = options.logged_in("fold 1")
    assert inner == RunOptions(device="cpu", log=Path("logs", "fold 1"), strict=True)
    assert inner.logged_in("again").log == Path("logs", "fold 1", "again")


def test_without_a_log_there_is_none_inside() -> None:
    options = RunOptions(resume=False)
    assert options.logged_in("fold 1") == options
