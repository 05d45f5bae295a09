"""What all tests share: a cache of their own, so that none reads or fills the user's."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from topwork.files import CACHE_VARIABLE

os.environ["HF_HUB_OFFLINE"] = "1"  # no test may ask the network; it is read once, at import


@pytest.fixture(autouse=True, scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One cache for the whole session: a backbone is compiled once."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(folder))
        yield folder
