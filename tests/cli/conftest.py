"""Pictures that the commands are given."""

from pathlib import Path

import pytest

from tests import small


@pytest.fixture
def test_digits(tmp_path: Path) -> Path:
    return small.write_folder(tmp_path / "test", small.digit_pictures(3, skip=10))


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    (tmp_path / "broken.png").write_bytes(b"text")
    return tmp_path / "broken.png"
