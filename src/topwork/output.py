"""Writes predictions as they come: as lines, CSV, JSON lines, or a table for a person.

Each writer takes the names of the classes and gives a callable, which gets every prediction in
turn, and None at the end. What it does not know: who predicts.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from topwork.model import Prediction

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
                "error": prediction.error,
            }
            sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")

    return write


def _as_table(classes: tuple[str, ...]) -> Write:
    from rich.markup import escape
    from rich.table import Table

    from topwork.console import results

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
