"""Examples and defaults under each command's help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True, kw_only=True)
class Epilog:
    """What stands at the end of a command's `--help`.

    Attributes:
        examples: as they are typed. A test parses each of them.
        defaults: what is done where nothing is said.
    """

    examples: tuple[str, str]
    defaults: str

    def __str__(self) -> str:
        # Typer takes two line ends for one, and one for a blank
        return "\n\n".join(["Examples:", *(f"  {one}" for one in self.examples), self.defaults])


EPILOGS = {
    "train": Epilog(
        examples=(
            "topwork train photos/ --out pets",
            "topwork train tickets.csv --label-column topic --train head --out tickets",
        ),
        defaults="Defaults: the backbone that comes with Topwork for the kind of data; a kernel "
        "head; auto, which goes deeper for at most 15 minutes; 5 folds; seed 0.",
    ),
    "advise": Epilog(
        examples=(
            "topwork advise photos/ --time-limit 3m",
            "topwork advise tickets.csv --no-control --json",
        ),
        defaults="Defaults: the backbone that comes with Topwork for the kind of data; the control "
        "trains for at most 3 minutes.",
    ),
    "pretrain": Epilog(
        examples=(
            "topwork pretrain large/ --architecture timm/resnet18 --out own",
            "topwork pretrain a.csv --architecture timm/resnet18 --epochs 9 --out own",
        ),
        defaults="Defaults: the epochs that the number of examples calls for; seed 0.",
    ),
    "report": Epilog(
        examples=(
            "topwork report pets",
            "topwork report pets --control 5m --out pets.html --overwrite",
        ),
        defaults="Defaults: report.html in MODEL, from the examples where they lay in training, "
        "without a control.",
    ),
    "predict": Epilog(
        examples=(
            "topwork predict pets new/*.jpg",
            "topwork predict tickets new.csv --out scored.csv",
        ),
        defaults="Defaults: a line each, with the most probable class; nothing is called unknown. "
        "A model of two classes decides at the threshold that it keeps, if any.",
    ),
    "evaluate": Epilog(
        examples=(
            "topwork evaluate pets test/",
            "topwork evaluate xrays test.csv --group-column patient --json",
        ),
        defaults="Defaults: the most probable class, or the threshold that the model keeps; "
        "what it was trained on is left out.",
    ),
    "threshold": Epilog(
        examples=(
            "topwork threshold xrays --sensitivity 95%",
            "topwork threshold xrays --positive covid --at 0.3",
        ),
        defaults="Defaults: the positive class is the rarer in training; without an option, the "
        "decision that is kept is shown.",
    ),
    "explain": Epilog(
        examples=(
            "topwork explain pets new/a.jpg --out why",
            'topwork explain tickets "where is my card?" --label card',
        ),
        defaults="Defaults: the class that the model names; files go to the folder explained; one "
        "that is there is replaced only with --overwrite.",
    ),
    "embed": Epilog(
        examples=(
            "topwork embed photos/ --out features",
            "topwork embed tickets.csv --pools mean,max --out features --overwrite",
        ),
        defaults="Defaults: the backbone that comes with Topwork for the kind of data; the pools "
        "mean, prefix and last.",
    ),
    "backbones": Epilog(
        examples=("topwork backbones", "topwork backbones --json"),
        defaults="Defaults: efficientnet-lite0 for images, speech-embedding for sounds, minilm-l6 "
        "for texts.",
    ),
    "pack": Epilog(
        examples=(
            "topwork backbones pack timm/resnet50.a1_in1k --out resnet50",
            'topwork backbones pack "minilm-l6?max_tokens=128" --name short --out short',
        ),
        defaults="Defaults: the name without what comes before its last /, and without options.",
    ),
    "demo": Epilog(
        examples=("topwork demo", "topwork demo --text --out sentences"),
        defaults="Defaults: handwritten digits, in the folder demo.",
    ),
    "doctor": Epilog(
        examples=("topwork doctor", "topwork doctor --json"),
        defaults="Defaults: all is looked at, offline, and the self-test is run. The exit code is "
        "0 where all is well.",
    ),
    "cache": Epilog(
        examples=("topwork cache", "topwork cache clean --max-size 2GB"),
        defaults="Defaults: nothing is removed. The folder is that of the variable TOPWORK_CACHE, "
        "or the system's own for caches.",
    ),
    "clean": Epilog(
        examples=("topwork cache clean", "topwork cache clean --max-size 500MB"),
        defaults="Defaults: nothing stays.",
    ),
}
