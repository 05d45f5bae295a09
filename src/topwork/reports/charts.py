"""Charts of the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from topwork.evaluation.intervals import Estimate
from topwork.reports.parts import Chart, ReportTable
from topwork.reports.svg import FIRST, MUTED, RULE, SECOND, drawing, to_svg
from topwork.reports.words import percent, points, seconds, span

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from topwork.evidence.learning_curve.curve import LearningCurve
    from topwork.evidence.transfer.layer_probe import LayerProbe
    from topwork.reports.reliability import Bin
    from topwork.reports.roc import RocCurve
    from topwork.training.selection import Candidate, Selection


def draw_curve(curve: LearningCurve) -> Chart:
    """Draw accuracy over the number of examples, with what more of them might give."""
    sizes, line = curve.sizes, curve.line
    measured = list(zip(sizes, curve.accuracy, strict=True))
    rows = [(f"{n:,}", "measured", percent(a), span(a)) for n, a in measured]
    rows += [
        (f"{size:,.0f}", "forecast", percent(value), span(Estimate.around(value, low, high)))
        for size, value, low, high in line
        if size > sizes[-1] * 1.0001
    ]
    with drawing(260) as figure:
        axes = figure.add_subplot()
        if line:
            x, value, low, high = (list(part) for part in zip(*line, strict=True))
            axes.fill_between(x, low, high, color=FIRST, alpha=0.14, linewidth=0)
            known = [i for i, size in enumerate(x) if size <= sizes[-1] * 1.0001]
            split = (known[-1] + 1) if known else 0
            axes.plot(x[:split], value[:split], color=FIRST)
            begin = max(split - 1, 0)
            axes.plot(x[begin:], value[begin:], color=FIRST, dashes=(4, 3))
        _points(axes, [float(size) for size in sizes], curve.accuracy, FIRST)
        axes.set_xscale("log")
        ends = [float(size) for size in sizes] + [row[0] for row in line]
        _number_ticks(axes, min(ends), max(ends))
        _percent_axis(axes, "accuracy")
        axes.set_xlabel("examples to learn from")
        description = "; ".join(f"{n:,}: {percent(a)}" for n, a in measured)
        return _chart(
            figure,
            name="curve",
            title="Learning curve",
            description=f"accuracy by examples: {description}",
            caption=curve.sentence,
            header=("examples", "", "accuracy", "95% interval"),
            rows=rows,
        )


def draw_depth(depth: LayerProbe) -> Chart:
    """Draw the accuracy of a head on each block alone, of a trained and of a random network."""
    raw, blocks = depth.raw, [one.block for one in depth.blocks]
    rows = [
        (one.block, percent(one.pretrained), span(one.pretrained), percent(one.random),
         span(one.random))
        for one in depth.blocks
    ]  # fmt: skip
    if raw is not None:
        rows.append(("raw inputs", percent(raw), span(raw), "", ""))
    of = f"{depth.num_examples:,} examples"
    if depth.num_examples < depth.num_all:
        of += f", drawn from {depth.num_all:,}"
    with drawing(290) as figure:
        axes = figure.add_subplot()
        known = [(float(x), one.pretrained) for x, one in enumerate(depth.blocks)]
        _band(axes, [x for x, _ in known], [e for _, e in known], FIRST, "pre-trained")
        known = [(float(x), one.random) for x, one in enumerate(depth.blocks) if one.random]
        if known:
            _band(axes, [x for x, _ in known], [e for _, e in known], SECOND, "random weights", "s")
        if raw is not None:
            axes.axhline(raw.value, color=MUTED, dashes=(1, 2), linewidth=1.4, label="raw inputs")
        step = max(1, -(-len(blocks) // 9))
        shown = sorted({*range(0, len(blocks), step), len(blocks) - 1})
        if len(shown) > 1 and shown[-1] - shown[-2] < step:
            del shown[-2]
        names = _without_prefix(blocks)
        axes.set_xticks(shown, [names[i] for i in shown], rotation=45, ha="right")
        _percent_axis(axes, "accuracy")
        axes.set_xlabel("block, from the input on")
        handles, labels = axes.get_legend_handles_labels()
        if len(handles) > 1:
            figure.legend(handles, labels, loc="outside upper left", ncols=3, handlelength=1.6)
        return _chart(
            figure,
            name="depth",
            title="Accuracy by depth",
            description=f"best at {depth.best.block}, {percent(depth.best.pretrained)}",
            caption=f"{depth.sentence} A simple head on each block alone, cross-validated on {of}.",
            header=("block", "pre-trained", "95% interval", "random weights", "95% interval"),
            rows=rows,
        )


def draw_reliability(bins: Sequence[Bin], *, name: str, caption: str) -> Chart:
    """Draw how often an answer is right over how sure the model is of it."""
    with drawing(330) as figure:
        axes = figure.add_subplot()
        _unit_square(axes)
        _points(axes, [one.confidence for one in bins], [one.accuracy for one in bins], FIRST)
        axes.set_xlabel("how sure the model is")
        axes.set_ylabel("how often it is right")
        rows = [
            (percent(b.confidence), percent(b.accuracy), span(b.accuracy), f"{b.num_examples:,}")
            for b in bins
        ]
        return _chart(
            figure,
            name=name,
            title="Reliability",
            description="; ".join(f"sure {sure}, right {right}" for sure, right, *_ in rows),
            caption=caption,
            header=("sure, on average", "right", "95% interval", "answers"),
            rows=rows,
        )


def draw_roc(curve: RocCurve, *, name: str, caption: str) -> Chart:
    """Draw how many are found over how many false alarms, with the threshold in use."""
    rows = [
        (
            f"{one.threshold:.3g}{', in use' if one is curve.in_use else ''}",
            *(percent(one.sensitivity), span(one.sensitivity)),
            *(percent(one.specificity), span(one.specificity)),
        )
        for one in (curve.in_use, *curve.others)
    ]
    used = curve.in_use
    with drawing(330) as figure:
        axes = figure.add_subplot()
        _unit_square(axes)
        axes.plot(curve.false_alarms, curve.sensitivity, color=FIRST, drawstyle="steps-post")
        if used.sensitivity is not None and used.specificity is not None:
            found, false_alarms = used.sensitivity, 1 - used.specificity.value
            axes.plot([false_alarms], [found.value], "o", color=FIRST, markersize=8)
        axes.set_xlabel("false alarms (1 − specificity)")  # a true minus
        axes.set_ylabel("found (sensitivity)")
        return _chart(
            figure,
            name=name,
            title="Sensitivity by false alarms",
            description="; ".join(f"from {at}: sensitivity {s}, specificity {t}"
                                  for at, s, _, t, _ in rows),
            caption=caption,
            header=("threshold", "sensitivity", "95% interval", "specificity", "95% interval"),
            rows=rows,
        )  # fmt: skip


def draw_candidates(selection: Selection, *, caption: str) -> Chart:
    """Draw the ways of training that were tried: accuracy, and what each cost."""
    chosen = selection.candidates[selection.taken]
    tried = [one for one in selection.candidates if one.num_examples]
    rows = [
        (
            one.strategy,
            percent(one.accuracy) if one.num_examples else "",
            span(one.accuracy) if one.num_examples else "",
            percent(one.incumbent) if one.incumbent is not None else "",
            _gain(one),
            seconds(one.seconds),
            one.verdict or ("taken" if one is chosen else ""),
        )
        for one in selection.candidates
    ]
    with drawing(56 + 34 * max(len(tried), 1)) as figure:
        axes = figure.add_subplot()
        for y, one in enumerate(tried):
            taken = one is chosen
            colour, low, high = FIRST if taken else MUTED, one.accuracy.low, one.accuracy.high
            axes.plot([low, high], [y, y], color=colour, linewidth=2.4 if taken else 1.4)
            axes.plot([one.accuracy.value], [y], "o", color=colour, markersize=6)
        names = [f"{one.strategy}, {seconds(one.seconds)}" for one in tried]
        axes.set_yticks(range(len(tried)), names)
        axes.set_ylim(len(tried) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x", color=RULE)
        axes.xaxis.set_major_formatter(_as_percent)
        axes.set_xlabel("accuracy on examples left out, with 95% interval")
        return _chart(
            figure,
            name="tried",
            title="What was tried",
            description="; ".join(f"{one.strategy}: {percent(one.accuracy)}" for one in tried),
            caption=caption,
            header=(
                "trained",
                "accuracy",
                "95% interval",
                "best before, same examples",
                "gain over it",
                "took",
                "verdict",
            ),
            rows=rows,
        )


def _chart(
    figure: Figure,
    *,
    name: str,
    title: str,
    description: str,
    caption: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
) -> Chart:
    svg = to_svg(figure, name=name, title=title, description=description)
    return Chart(svg=svg, title=title, caption=caption, table=ReportTable(header=header, rows=rows))


def _without_prefix(names: Sequence[str]) -> list[str]:
    """Return dotted names without the parts that all of them begin with."""
    parts = [name.split(".") for name in names]
    while len(names) > 1 and all(len(p) > 1 for p in parts) and len({p[0] for p in parts}) == 1:
        parts = [p[1:] for p in parts]
    return [".".join(p) for p in parts]


def _points(axes: Axes, x: Sequence[float], scores: Sequence[Estimate], colour: str) -> None:
    value = [one.value for one in scores]
    down = [one.value - one.low for one in scores]
    up = [one.high - one.value for one in scores]
    axes.errorbar(
        x, value, [down, up], fmt="o", color=colour, markersize=5, elinewidth=1.2, capsize=0
    )


def _band(
    axes: Axes,
    x: Sequence[float],
    scores: Sequence[Estimate],
    colour: str,
    label: str,
    marker: str = "o",
) -> None:
    low, high = [one.low for one in scores], [one.high for one in scores]
    axes.fill_between(x, low, high, color=colour, alpha=0.14, linewidth=0)
    values = [one.value for one in scores]
    axes.plot(x, values, marker=marker, markersize=4, color=colour, label=label)


def _as_percent(value: float, _: object = None) -> str:
    return f"{100 * value:.3g}%"


def _unit_square(axes: Axes) -> None:
    """Two shares against each other, with the line where they are equal."""
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, dashes=(4, 3))
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_aspect("equal")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100%"])
    axes.grid(color=RULE)


def _percent_axis(axes: Axes, label: str) -> None:
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, 0.0), min(high, 1.0) + (0.004 if high >= 1 else 0))
    axes.yaxis.set_major_formatter(_as_percent)
    axes.grid(axis="y", color=RULE)
    axes.set_ylabel(label)


def _number_ticks(axes: Axes, low: float, high: float) -> None:
    """Ticks of a logarithmic axis at 1, 2 and 5 of each power of ten, as plain numbers."""
    from matplotlib.ticker import NullFormatter, NullLocator

    marks = [m * 10**e for e in range(7) for m in (1, 2, 5) if low * 0.98 <= m * 10**e <= high]
    while len(marks) > 6:
        marks = marks[::2]
    axes.set_xticks(marks, [f"{mark:,}" for mark in marks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())


def _gain(one: Candidate) -> str:
    if one.gain is None or one.gain_error is None:
        return ""
    return f"{points(one.gain)} ± {100 * one.gain_error:.1f}"
