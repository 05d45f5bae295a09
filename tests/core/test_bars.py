"""A bar for each stage, by its name."""

import io
import re

from rich.console import Console

from topwork.core.bars import bars, stage_name
from topwork.core.progress import report


def test_stages_are_named() -> None:
    named = {
        "views": "Views",
        "train last:7": "Training last:7",
        "try last:7": "Trying last:7",
        "cross-validate": "Cross-validation",
        "50 random: features": "50 random: features",
    }
    assert {stage: stage_name(stage) for stage in named} == named


def test_each_stage_has_a_bar() -> None:
    out = io.StringIO()
    with bars(Console(file=out, force_terminal=True, width=100)):
        report("features", 3, 12)
        report("try last:7", 1, 4)
        report("features", 12, 12)
    printed = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue())
    assert re.search(r"Features +━+ 12/12", printed)
    assert re.search(r"Trying last:7 +[━╺╸]+ 1/4", printed)
