"""What the tests of the report share: a short learning curve, and a report to look at."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from topwork.reports import gather
from topwork.reports.assemble import WrittenReport, report


@pytest.fixture(autouse=True, scope="package")
def short_curve() -> Iterator[None]:
    """The learning curve takes what time it is given."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gather, "CURVE_SECONDS", 0.3)
        yield


@pytest.fixture(scope="package")
def made(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> WrittenReport:
    """The report of the digits' model."""
    folder = tmp_path_factory.mktemp("report")
    shutil.copytree(saved, folder / "digits")  # for the verdict goes into its card
    return report(folder / "digits", folder / "digits.html")
