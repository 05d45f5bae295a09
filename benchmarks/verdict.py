"""Whether the verdict of `topwork advise` can be believed, on data where the truth is known.

- sign-digits, 200 of them: transfer is worth points, by an interval that lies above 0; the same
  sign against a control that was trained ten times as long (`--long`).
- cifar10, some thousands, with a network that has learned nothing (`--untaught`): no gain may be
  promised. The control is the same network with other random weights.
- chest-xray (44 scans of few patients), spoken-digits and banking77: a verdict, whatever it is;
  with few examples or groups its interval must be wide.

Every verdict begins with an empty cache, so its seconds are those of a first run: features, depth,
cheap controls, and training from scratch within the limit. `seconds again` is the same once more.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from common import Figure, make_parser, own_cache, report, say, seconds_of
from draws import draw, is_there, some_of

GAIN = "sign-digits-200"
OTHERS = ("chest-xray", "spoken-digits-200", "banking77-10")
UNTAUGHT = "efficientnet-lite0?pretrained=false&seed=1&size=64"


def main() -> None:
    """Measure and print."""
    parser = make_parser(__doc__)
    parser.add_argument("--time-limit", default="1m", help="of training from scratch")
    parser.add_argument("--long", default="10m", help="of the long control; 0s: none")
    parser.add_argument("--untaught", default=UNTAUGHT, help="a backbone that has learned nothing")
    parser.add_argument("--size", type=int, default=2000, help="pictures of cifar10; 0: none")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sets", nargs="*", default=list(OTHERS), help="to look at; may be none")
    parser.add_argument("--no-gain", action="store_true", help="leave sign-digits out")
    arguments = parser.parse_args()
    data, seed, figures = arguments.data, arguments.seed, []
    if not arguments.no_gain and is_there(data, GAIN):
        found = draw(data, GAIN, seed).whole
        limits = [arguments.time_limit, *([arguments.long] if arguments.long != "0s" else [])]
        with own_cache():
            for limit in limits:
                said, seconds, again = judged(found, None, limit)
                name = f"{GAIN}, scratch {limit}"
                long = limit != limits[0]
                figures += figures_of(name, said, seconds, again, bound=0.0, sign_alone=long)
    if arguments.size and (data / "cifar10").is_dir():
        with own_cache():
            found = of_cifar(data / "cifar10", arguments.size, seed)
            said, seconds, again = judged(found, arguments.untaught, arguments.time_limit)
            name = f"cifar10-{arguments.size}, {arguments.untaught}"
            figures += figures_of(name, said, seconds, again, promised=0.0)
    for name in arguments.sets:
        if is_there(data, name):
            with own_cache():
                found = draw(data, name, seed).whole
                figures += figures_of(name, *judged(found, None, arguments.time_limit))
    report("What transfer is worth, by the verdict", figures, as_json=arguments.json)


def judged(found: Any, name: str | None, limit: str) -> tuple[Any, float, float]:
    """Return the verdict, the seconds that it took, and those of asking once more."""
    from topwork.backbones.catalog import default_backbone
    from topwork.backbones.registry import get_backbone
    from topwork.core.units import parse_seconds
    from topwork.evidence.transfer.advice import judge_transfer
    from topwork.evidence.transfer.layer_probe import probe_layers
    from topwork.recipe import Recipe
    from topwork.runs.head import run_head

    backbone = get_backbone(name or default_backbone(found.modality))
    said: list[Any] = []

    def ask() -> None:
        head_run = run_head(found, Recipe(train="head"), backbone)
        probe = probe_layers(head_run)
        said.append(judge_transfer(head_run, probe=probe, limit_seconds=parse_seconds(limit)))

    seconds, again = seconds_of(ask), seconds_of(ask)
    say(said[-1].message)
    for line in (*said[-1].notes, *(f"{c.question} {c.because}" for c in said[-1].conditions)):
        say(f"  {line}")
    for one in said[0].without:
        say(f"  {one.name}: {one.accuracy}, {one.seconds:.0f} s")
    return said[0], seconds, again


def figures_of(
    name: str,
    said: Any,
    seconds: float,
    again: float,
    *,
    bound: float | None = None,
    sign_alone: bool = False,
    promised: float | None = None,
) -> list[Figure]:
    """Return the lines of one verdict.

    Args:
        bound: that the interval's lower end must reach, in points; with `sign_alone`, the value.
        promised: at most this much gain may be promised: 0 for none, 1 for one.
    """
    worth = [100 * value for value in (said.worth.value, said.worth.low, said.worth.high)]
    note = (
        f"{worth[1]:+.1f} to {worth[2]:+.1f}; {said.transferred.value:.3f} against "
        f"{said.control.value:.3f} ({said.control_name}); {said.num_examples:,} left out"
    )
    return [
        Figure(
            name=f"{name}: worth, points",
            measured=worth[0],
            bound=bound if sign_alone else None,
            form="+.1f",
            note=note,
        ),
        Figure(
            name=f"{name}: lower end, points",
            measured=worth[1],
            bound=None if sign_alone else bound,
            form="+.1f",
        ),
        Figure(
            name=f"{name}: promises a gain",
            measured=float(said.expects_gain),
            bound=promised,
            at_most=True,
            form=".0f",
        ),
        Figure(name=f"{name}: seconds", measured=seconds, form=".0f", note=f"again {again:.0f}"),
    ]


def of_cifar(source: Path, size: int, seed: int) -> Any:
    """So many of its training part, plainly random."""
    from topwork.examples.sources import read_examples

    found = read_examples(source)
    train = found.of_split("train", None)
    chosen = [replace(train[i], split=None) for i in some_of(train, size, seed)]
    return replace(found, examples=tuple(chosen))


if __name__ == "__main__":
    main()
