"""`auto` beside the single strategies: head, last:K (the depth that auto tries), and all.

Each training runs in a process of its own with an empty cache. What is drawn, and what it is tested
on, is in draws.py; what is timed, in one_training.py. Of every set the table has
- each way's accuracy (mean over the seeds, with a 95% interval) and the seconds of a training;
- `auto - best`: auto's accuracy minus that of the most accurate single way, in points; paired
  (see trainings.py), and also in standard errors. It must not be below minus 1 point, or minus one
  standard error where that is more;
- `time of auto`: its seconds over those of the way that it settled on plus those of the head.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from common import Figure, make_parser, report
from draws import is_drawn
from trainings import (
    Line,
    Wanted,
    add_lines_option,
    chosen,
    difference,
    run_all,
    seconds,
    share,
    strategies_said,
)

SETS = ("sign-digits-100", "sign-digits-1000", "clothing-200", "clothing", "chest-xray",
        "spoken-digits-200", "banking77-10")  # fmt: skip
POINTS, TIMES = 1.0, 1.3


def main() -> None:
    """Measure and print."""
    parser = make_parser(__doc__)
    parser.add_argument("--sets", nargs="+", default=list(SETS), help=f"of {', '.join(SETS)}")
    parser.add_argument("--seeds", type=int, default=3, help="draws of each set")
    parser.add_argument("--all", action="store_true", help="train all blocks, too")
    parser.add_argument("--backbone", help="in place of the ones that come with Topwork")
    add_lines_option(parser)
    arguments = parser.parse_args()
    single = ("head", "last", "all") if arguments.all else ("head", "last")
    wanted = [
        Wanted(set=name, seed=seed, train=strategy, backbone=arguments.backbone)
        for name in arguments.sets
        for seed in range(arguments.seeds if is_drawn(name) else 1)
        for strategy in (*single, "auto")
    ]
    lines = run_all(arguments.data, wanted, arguments.lines)
    figures = [
        figure for name in arguments.sets for figure in of_set(chosen(lines, set=name), single)
    ]
    report("auto beside the single strategies", figures, as_json=arguments.json)


def of_set(lines: Sequence[Line], single: Sequence[str]) -> list[Figure]:
    """Return the lines of the table for one set."""
    if not lines:
        return []
    name = lines[0]["set"]
    by_way = {strategy: chosen(lines, train=strategy) for strategy in (*single, "auto")}
    figures = []
    for strategy, own in by_way.items():
        score, taken = share(own), f"{seconds(own):.0f} s"
        known = f"settled on {strategies_said(own)}" if strategy == "auto" else own[0]["way"]
        figures.append(
            Figure(
                name=f"{name}: {strategy}",
                measured=score.value,
                note=f"{score.low:.3f} to {score.high:.3f}; {taken}; {known}; draws: {len(own)}",
            )
        )
    best = max(single, key=lambda strategy: share(by_way[strategy]).value)
    more, error = (100 * value for value in difference(by_way["auto"], by_way[best]))
    figures.append(
        Figure(
            name=f"{name}: auto - best ({by_way[best][0]['way']}), points",
            measured=more,
            bound=-max(POINTS, error),
            form="+.2f",
            note=f"standard error {error:.2f}"
            + (f", {more / error:+.1f} of them" if error else ""),
        )
    )
    return [*figures, *_time(name, by_way, single)]


def _time(name: str, by_way: dict[str, list[Line]], single: Sequence[str]) -> list[Figure]:
    ratios = []
    for auto in by_way["auto"]:
        here = {
            one["way"]: one
            for strategy in single
            for one in chosen(by_way[strategy], seed=auto["seed"])
        }
        if auto["way"] in here:
            ratios.append(
                auto["seconds"] / (here[auto["way"]]["seconds"] + here["head"]["seconds"])
            )
    title = f"{name}: time of auto over its way's plus the head's"
    if not ratios:
        return [Figure(name=title, measured=float("nan"), note="its way was not run by itself")]
    return [
        Figure(
            name=title,
            measured=statistics.median(ratios),
            bound=TIMES,
            at_most=True,
            form=".2f",
            note=f"from {min(ratios):.2f} to {max(ratios):.2f}; over the head's alone "
            f"{seconds(by_way['auto']) / seconds(by_way['head']):.1f}",
        )
    ]


if __name__ == "__main__":
    main()
