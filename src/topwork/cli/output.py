"""Predictions as lines, CSV, JSON or a table.

Each writer takes the names of the classes and how CSV cells are written, and gives a callable,
which gets every prediction in turn, and None at the end; a timeline is written moment by moment.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, final

from topwork.core.printable import printable

if TYPE_CHECKING:
    from topwork.model.predictions import Prediction
    from topwork.model.timeline import Moment

Write = Callable[["Prediction | None"], None]


@final
class Cells:
    """The cells of a CSV, of which a spreadsheet takes some for formulas.

    Args:
        guard: put an apostrophe before these; without it they are counted.
    """

    FORMULAS = ("=", "+", "-", "@", "\t", "\r")
    """What a formula may begin with (OWASP, CSV Injection)."""

    def __init__(self, *, guard: bool) -> None:
        self._guard = guard
        self.num_formulas = 0

    def __call__(self, text: str | None) -> str:
        """Return a cell's text."""
        if not text or not text.startswith(self.FORMULAS):
            return text or ""
        self.num_formulas += 1
        return f"'{text}" if self._guard else text

    @property
    def remark(self) -> str | None:
        """What to say in the end; None where there were none, or they are guarded."""
        if self._guard or not self.num_formulas:
            return None
        return (
            f"{self.num_formulas:,} cells begin with =, +, - or @, which a spreadsheet takes for a "
            "formula: --guard-cells puts an apostrophe before them."
        )


def _as_lines(classes: tuple[str, ...], cells: Cells) -> Write:
    def write(prediction: Prediction | None) -> None:
        if prediction is not None and prediction.error is None:
            name, label = printable(prediction.name), printable(prediction.label or "")
            more = "\tunknown" if prediction.unknown else ""
            sys.stdout.write(f"{name}\t{label}\t{prediction.probability:.4f}{more}\n")

    return write


def _as_csv(classes: tuple[str, ...], cells: Cells) -> Write:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["file", "label", "probability", "unknown", *map(cells, classes), "error"])

    def write(prediction: Prediction | None) -> None:
        if prediction is None:
            return
        if prediction.error is not None:
            blanks = ["" for _ in classes]
            writer.writerow([cells(prediction.name), "", "", "", *blanks, cells(prediction.error)])
            return
        values = [f"{prediction.probabilities[name]:.6f}" for name in classes]
        unknown = "yes" if prediction.unknown else "no"
        probability = f"{prediction.probability:.6f}"
        name, label = cells(prediction.name), cells(prediction.label)
        writer.writerow([name, label, probability, unknown, *values, ""])

    return write


def _as_jsonl(classes: tuple[str, ...], cells: Cells) -> Write:
    def write(prediction: Prediction | None) -> None:
        if prediction is not None:
            sys.stdout.write(json.dumps(_row(prediction), ensure_ascii=False) + "\n")

    return write


def _as_json(classes: tuple[str, ...], cells: Cells) -> Write:
    rows = _JSONList()

    def write(prediction: Prediction | None) -> None:
        if prediction is None:
            rows.end()
        else:
            rows.add(_row(prediction))

    return write


@final
class _JSONList:
    """One JSON list on standard output, written item by item."""

    def __init__(self) -> None:
        self._begun = False

    def add(self, item: dict[str, Any]) -> None:
        sys.stdout.write(",\n" if self._begun else "[\n")
        sys.stdout.write(json.dumps(item, ensure_ascii=False))
        self._begun = True

    def end(self) -> None:
        sys.stdout.write("\n]\n" if self._begun else "[]\n")


def _row(prediction: Prediction) -> dict[str, Any]:
    return {
        "file": prediction.name,
        "label": prediction.label,
        "probability": prediction.probability,
        "unknown": prediction.unknown,
        "probabilities": prediction.probabilities,
        "ood": prediction.ood,
        "error": prediction.error,
    }


def _as_table(classes: tuple[str, ...], cells: Cells) -> Write:
    from rich.table import Table

    from topwork.cli.console import results
    from topwork.cli.markup import escape

    table = Table()
    for title in ("file", "label", "probability", "next", ""):
        table.add_column(title, overflow="fold")

    def write(prediction: Prediction | None) -> None:
        if prediction is None:
            results().print(table)
        elif prediction.error is not None:
            table.add_row(escape(prediction.name), "", "", escape(prediction.error), "")
        else:
            others = sorted(prediction.probabilities.items(), key=lambda item: -item[1])[1:3]
            rest = ", ".join(f"{name} {value:.2f}" for name, value in others)
            table.add_row(
                escape(prediction.name),
                escape(prediction.label or ""),
                f"{prediction.probability:.3f}",
                escape(rest),
                "unknown" if prediction.unknown else "",
            )

    return write


WRITERS = {"lines": _as_lines, "csv": _as_csv, "jsonl": _as_jsonl, "table": _as_table,
           "json": _as_json}  # fmt: skip


def write_timelines(
    recordings: Iterable[tuple[str, Iterable[Moment]]], form: str, cells: Cells
) -> None:
    """Write what is to be heard in each recording, as it is found out."""
    rows, whole = csv.writer(sys.stdout, lineterminator="\n"), _JSONList()
    if form == "csv":
        rows.writerow(["file", "start_seconds", "end_seconds", "label", "probability"])
    for name, moments in recordings:
        if form == "table":
            sys.stdout.write(f"{printable(name)}\n")
        for one in moments:
            start, end = round(one.start_seconds, 3), round(one.end_seconds, 3)
            if form == "csv":
                label = cells(one.label)
                rows.writerow([cells(name), start, end, label, f"{one.probability:.6f}"])
            elif form in ("json", "jsonl"):
                row = {"file": name, "start_seconds": start, "end_seconds": end,
                       "label": one.label, "probability": one.probability}  # fmt: skip
                if form == "json":
                    whole.add(row)
                else:
                    sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
            elif form == "table":
                clock = f"{_clock(start)} to {_clock(end)}"
                sys.stdout.write(f"  {clock}  {printable(one.label)}  {one.probability:.2f}\n")
            else:
                shown = f"{printable(name)}\t{start}\t{end}\t{printable(one.label)}"
                sys.stdout.write(f"{shown}\t{one.probability:.4f}\n")
    if form == "json":
        whole.end()


def _clock(seconds: float) -> str:
    """Hours, minutes and seconds, as a player shows them."""
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes // 60)}:{int(minutes % 60):02}:{rest:05.2f}"
