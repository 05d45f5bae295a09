"""What the tests of the report share: a report to look at."""

import shutil
from pathlib import Path

import pytest

from topwork.reports.assemble import WrittenReport, report


@pytest.fixture(scope="package")
def made(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> WrittenReport:
    """The report of the digits' model."""
    folder = tmp_path_factory.mktemp("report")
    shutil.copytree(saved, folder / "digits")  # for the verdict goes into its card
    return report(folder / "digits", folder / "digits.html")
