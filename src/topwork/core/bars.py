"""Bars of progress, by Rich."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import final

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from topwork.core.progress import listening

STAGES = {
    "read": "Reading",
    "decode": "Decoding",
    "train": "Training",
    "features": "Features",
    "views": "Views",
    "try": "Trying",
    "cross-validate": "Cross-validation",
    "predict": "Predicting",
    "write": "Writing",
    "depth": "By depth",
    "learning": "Learning",
    "look": "Looking",
    "patches": "Patches",
}


def stage_name(stage: str) -> str:
    """Return what a stage is called: `train last:7` is `Training last:7`."""
    kind, _, what = stage.partition(" ")
    return " ".join([STAGES[kind], what]).strip() if kind in STAGES else stage


@contextmanager
def bars(console: Console) -> Iterator[None]:
    """Show a bar for each stage of what runs inside."""
    progress = Progress(
        TextColumn("{task.description:<16}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=console,
    )
    tasks: dict[str, TaskID] = {}

    def show(stage: str, done: int, total: int) -> None:
        if stage not in tasks:
            tasks[stage] = progress.add_task(stage_name(stage), total=total)
        progress.update(tasks[stage], completed=done, total=total)

    with progress, listening(show):
        yield


@final
class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None or speed < 2 else f"{speed:,.0f}/s", style="dim")
