"""Pictures that the commands are given."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import small
from topwork.cli import progress_lines


@pytest.fixture(autouse=True, scope="session")
def a_slow_machine_says_no_more() -> Iterator[None]:
    """What is printed is compared word for word: no line of a stage that takes a moment longer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progress_lines, "SHORT_SECONDS", 600.0)
        yield


@pytest.fixture
def test_digits(tmp_path: Path) -> Path:
    return small.write_folder(tmp_path / "test", small.digit_pictures(3, skip=10))


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    (tmp_path / "broken.png").write_bytes(b"text")
    return tmp_path / "broken.png"
