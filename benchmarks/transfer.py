"""What transfer is worth: the same network with weights that have learned, and with random ones.

Hand signs, tested on all that was not drawn; each training in a process of its own with an empty
cache (see one_training.py for what is timed, draws.py for the draws, trainings.py for the
intervals). From random weights it is trained for `--time-limit`, all of which goes into the one
network that is tested.

With `--backbone FOLDER`, which `topwork pretrain` made (of pictures of 32 px, say), the same again
for that network: what a task A of one's own is worth, against the same architecture from nothing.
There the interval of `auto` must lie above that of `scratch`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from common import Figure, make_parser, report
from trainings import (
    Line,
    Wanted,
    add_lines_option,
    chosen,
    run_all,
    seconds,
    share,
    strategies_said,
)

SIZES, OWN_SIZE = (50, 200, 1000), 500
WAYS = ("head", "last", "auto", "scratch")
OWN_WAYS = ("head", "auto", "all", "scratch")


def main() -> None:
    """Measure and print."""
    parser = make_parser(__doc__)
    parser.add_argument("--sizes", nargs="*", type=int, default=list(SIZES), help="may be none")
    parser.add_argument("--seeds", type=int, default=3, help="draws of each size")
    parser.add_argument("--time-limit", default="10m", help="of training from random weights")
    parser.add_argument(
        "--network", help="in place of efficientnet-lite0; with weights that have learned"
    )
    parser.add_argument("--backbone", type=Path, help="a folder that `topwork pretrain` made")
    parser.add_argument("--own-size", type=int, default=OWN_SIZE, help="examples for that one")
    add_lines_option(parser)
    arguments = parser.parse_args()
    own = None if arguments.backbone is None else str(arguments.backbone.resolve())
    cells = [(size, strategy, arguments.network) for size in arguments.sizes for strategy in WAYS]
    cells += [] if own is None else [(arguments.own_size, strategy, own) for strategy in OWN_WAYS]
    wanted = [
        Wanted(
            set=f"sign-digits-{size}",
            seed=seed,
            train=strategy,
            backbone=backbone,
            time_limit=arguments.time_limit if strategy == "scratch" else None,
        )
        for size, strategy, backbone in cells
        for seed in range(arguments.seeds)
    ]
    lines = run_all(arguments.data, wanted, arguments.lines)
    parts = {arguments.network or "efficientnet-lite0": chosen(lines, backbone=arguments.network)}
    if own is not None:
        parts[f"task A of one's own ({Path(own).name})"] = chosen(lines, backbone=own)
    figures: list[Figure] = []
    for number, (title, found) in enumerate(parts.items()):
        figures += figures_of(title, found, bound=0.0 if number else None)
        if found and not arguments.json:
            print(markdown(title, found))
    report("Transfer against scratch", figures, as_json=arguments.json)


def figures_of(title: str, lines: Sequence[Line], *, bound: float | None) -> list[Figure]:
    """Return every cell, and how far apart auto and scratch are."""
    figures = []
    for name in dict.fromkeys(line["set"] for line in lines):
        here = chosen(lines, set=name)
        strategies = {
            strategy: chosen(here, train=strategy)
            for strategy in dict.fromkeys(x["train"] for x in here)
        }
        for strategy, own in strategies.items():
            score = share(own)
            note = (
                f"{score.low:.3f} to {score.high:.3f}; {seconds(own):.0f} s; {strategies_said(own)}"
            )
            figures.append(
                Figure(name=f"{title}, {name}: {strategy}", measured=score.value, note=note)
            )
        apart = share(strategies["auto"]).low - share(strategies["scratch"]).high
        figures.append(
            Figure(
                name=f"{title}, {name}: auto's interval above scratch's by, points",
                measured=100 * apart,
                bound=bound,
                form="+.1f",
            )
        )
    return figures


def markdown(title: str, lines: Sequence[Line]) -> str:
    """Return the table for the docs: a row for each size, a column for each way."""
    strategies = list(dict.fromkeys(line["train"] for line in lines))
    rows = [f"\n{title}: accuracy (95% interval), seconds of a training\n"]
    rows.append(f"| examples | {' | '.join(strategies)} |")
    rows.append("|---" * (len(strategies) + 1) + "|")
    for name in dict.fromkeys(line["set"] for line in lines):
        here = chosen(lines, set=name)
        cells = [f"{here[0]['num_train']:,}"]
        for strategy in strategies:
            own = chosen(here, train=strategy)
            said = f" ({strategies_said(own)})" if strategy in ("auto", "last") else ""
            cells.append(f"{share(own)}, {seconds(own):.0f} s{said}")
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
