"""Predictions as lines, CSV, JSON or a table.

Each writer takes the names of the classes and gives a callable, which gets every prediction in
turn, and None at the end; a timeline is written moment by moment.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from topwork.model.predictions import Prediction
    from topwork.model.timeline import Moment

Write = Callable[["Prediction | None"], None]


def _as_lines(classes: tuple[str, ...]) -> Write:
    def write(prediction: Prediction | None) -> None:
        if prediction is not None and prediction.error is None:
            sys.stdout.write(
                f"{prediction.name}\t{prediction.label}\t{prediction.probability:.4f}\n"
            )

    return write


def _as_csv(classes: tuple[str, ...]) -> Write:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["file", "label", "probability", *classes, "error"])

    def write(prediction: Prediction | None) -> None:
        if prediction is None:
            return
        if prediction.error is not None:
            writer.writerow([prediction.name, "", "", *("" for _ in classes), prediction.error])
            return
        values = [f"{prediction.probabilities[name]:.6f}" for name in classes]
        row = [prediction.name, prediction.label, f"{prediction.probability:.6f}", *values, ""]
        writer.writerow(row)

    return write


def _as_jsonl(classes: tuple[str, ...]) -> Write:
    def write(prediction: Prediction | None) -> None:
        if prediction is not None:
            row = {
                "file": prediction.name,
                "label": prediction.label,
                "probability": prediction.probability,
                "probabilities": prediction.probabilities,
                "ood": prediction.ood,
                "error": prediction.error,
            }
            sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")

    return write


def _as_table(classes: tuple[str, ...]) -> Write:
    from rich.markup import escape
    from rich.table import Table

    from topwork.cli.console import results

    table = Table()
    for title in ("file", "label", "probability", "next"):
        table.add_column(title, overflow="fold")

    def write(prediction: Prediction | None) -> None:
        if prediction is None:
            results().print(table)
        elif prediction.error is not None:
            table.add_row(escape(prediction.name), "", "", escape(prediction.error))
        else:
            others = sorted(prediction.probabilities.items(), key=lambda item: -item[1])[1:3]
            rest = ", ".join(f"{name} {value:.2f}" for name, value in others)
            table.add_row(
                escape(prediction.name),
                escape(prediction.label or ""),
                f"{prediction.probability:.3f}",
                escape(rest),
            )

    return write


WRITERS = {"lines": _as_lines, "csv": _as_csv, "jsonl": _as_jsonl, "table": _as_table}


def write_timelines(recordings: Iterable[tuple[str, Iterable[Moment]]], form: str) -> None:
    """Write what is to be heard in each recording, as it is found out."""
    rows = csv.writer(sys.stdout, lineterminator="\n")
    if form == "csv":
        rows.writerow(["file", "start_seconds", "end_seconds", "label", "probability"])
    for name, moments in recordings:
        if form == "table":
            sys.stdout.write(f"{name}\n")
        for one in moments:
            start, end = round(one.start_seconds, 3), round(one.end_seconds, 3)
            if form == "csv":
                rows.writerow([name, start, end, one.label, f"{one.probability:.6f}"])
            elif form == "jsonl":
                row = {"file": name, "start_seconds": start, "end_seconds": end,
                       "label": one.label, "probability": one.probability}  # fmt: skip
                sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
            elif form == "table":
                clock = f"{_clock(start)} to {_clock(end)}"
                sys.stdout.write(f"  {clock}  {one.label}  {one.probability:.2f}\n")
            else:
                row_text = f"{name}\t{start}\t{end}\t{one.label}\t{one.probability:.4f}"
                sys.stdout.write(row_text + "\n")


def _clock(seconds: float) -> str:
    """Hours, minutes and seconds, as a player shows them."""
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes // 60)}:{int(minutes % 60):02}:{rest:05.2f}"
