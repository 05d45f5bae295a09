"""What the tests of the report share: a short learning curve, and a report to look at."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from topwork.model.archive import load
from topwork.reports import gather
from topwork.reports.assemble import Made, make_report


@pytest.fixture(autouse=True, scope="package")
def short_curve() -> Iterator[None]:
    """The learning curve takes what time it is given."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gather, "CURVE_SECONDS", 0.3)
        yield


@pytest.fixture(scope="package")
def made(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The report of the digits' model."""
    out = tmp_path_factory.mktemp("report") / "digits.html"
    return make_report(load(saved), out, folder=saved)
