"""How much each depth of the network is worth: pre-trained, with random weights, and without one.

Every block under the same kind of probe (probe.py) on the same folds, so that what differs is what
the block has learned (Yosinski et al. 2014 cut and retrain at each depth; a probe asks the same in
seconds). What it does not know: which blocks the product's head takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from topwork.backbones.base import Backbone
from topwork.errors import BackboneError, ExampleError, SettingError
from topwork.evaluation.crossval import draw_folds, one_thread
from topwork.evaluation.intervals import Estimate, accuracy
from topwork.evidence.kept import identity_of, remembered
from topwork.evidence.transfer.paired import gain
from topwork.evidence.transfer.probe import probe
from topwork.evidence.transfer.raw_inputs import NAMES, raw_similarity
from topwork.features.extract import extract
from topwork.features.table import FeatureTable
from topwork.heads.grams import Grams
from topwork.heads.kernel import Floats, Kernel, Rows
from topwork.heads.search import Labels, sample_rows
from topwork.model.model import Progress, staged
from topwork.runs.head import Frozen
from topwork.training.finetuned_backbone import random_backbone

Doubles = npt.NDArray[np.float64]

MAX_PROBED = 500
"""Examples that are probed, at most: a random EfficientNet-Lite0 runs 500 pictures in 5 to 10 s on
a core, and a probe takes 0.1 s."""

EARLY = 1 / 3
"""Share of the blocks that counts as low-level: edges, textures, loudness by pitch, word pieces."""


@final
@dataclass(frozen=True, kw_only=True)
class BlockScore:
    """Accuracy on one block; `random` is None where the network cannot be built anew."""

    block: str
    pretrained: Estimate
    random: Estimate | None


@final
@dataclass(frozen=True, kw_only=True)
class Depth:
    """Accuracy by depth, all on the same examples and folds.

    Attributes:
        blocks: in the order in which they run.
        raw: of the inputs as they are, `raw_name` says how; None where they have no one form.
        num_examples: how many were probed, of `num_all`.
        early: the blocks that count as low-level.
        over_random: how much more often a probe on the early blocks together is right than on the
            same blocks with random weights; None without these.
        over_raw: the same against the inputs as they are.
    """

    blocks: tuple[BlockScore, ...]
    raw: Estimate | None
    raw_name: str
    num_examples: int
    num_all: int
    early: tuple[str, ...]
    over_random: Estimate | None
    over_raw: Estimate | None

    @property
    def best(self) -> BlockScore:
        """The block with the best pre-trained score."""
        return max(self.blocks, key=lambda one: one.pretrained.value)

    @property
    def sentence(self) -> str:
        """What the table says, in a sentence."""
        best = self.best
        place = [one.block for one in self.blocks].index(best.block) + 1
        said = (
            f"Of {len(self.blocks)} blocks, block {place} ({best.block}) alone serves best: "
            f"{best.pretrained.value:.3f}"
        )
        rivals = []
        if best.random is not None:
            rivals.append(f"{best.random.value:.3f} with random weights")
        if self.raw is not None:
            rivals.append(f"{self.raw.value:.3f} from {self.raw_name}")
        return said + (f", against {' and '.join(rivals)}." if rivals else ".")

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {**asdict(self), "sentence": self.sentence}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Depth:
        """Undo `to_dict`. Raises KeyError or TypeError on other data."""
        blocks = tuple(
            BlockScore(
                block=one["block"],
                pretrained=Estimate(**one["pretrained"]),
                random=_estimate(one["random"]),
            )
            for one in data["blocks"]
        )
        return Depth(
            blocks=blocks,
            raw=_estimate(data["raw"]),
            raw_name=data["raw_name"],
            num_examples=data["num_examples"],
            num_all=data["num_all"],
            early=tuple(data["early"]),
            over_random=_estimate(data["over_random"]),
            over_raw=_estimate(data["over_raw"]),
        )


def score_depth(
    frozen: Frozen, *, max_examples: int = MAX_PROBED, on_progress: Progress | None = None
) -> Depth:
    """Probe every block of the network, of the same one with random weights, and the raw inputs.

    Args:
        max_examples: with more, a stratified sample of so many is probed, of all groups.

    Raises:
        TooFewError: no fold could teach anything about its test examples.
    """
    places = sample_rows(frozen.labels, max_examples)
    labels = frozen.labels.take(places)
    recipe = frozen.recipe
    drawn, _ = draw_folds(labels, num_folds=recipe.num_folds, num_repeats=recipe.num_repeats)
    identity = identity_of(frozen, places, labels, drawn)
    return remembered(
        ["depth", list(frozen.pools), len(frozen.examples), *identity],
        lambda: _score(frozen, places, labels, drawn, on_progress),
        read=Depth.from_dict,
        write=Depth.to_dict,
    )


def _score(
    frozen: Frozen,
    places: Rows,
    labels: Labels,
    drawn: Sequence[Sequence[Rows]],
    on_progress: Progress | None,
) -> Depth:
    told = staged(on_progress, "depth")
    examples = [frozen.examples[i] for i in places]
    names = frozen.table.blocks
    early = names[: max(1, round(EARLY * len(names)))]
    random, raw = random_network(frozen), None
    total = (len(names) + 1) * (1 if random is None else 2) + 1
    bench = _Bench(labels=labels, drawn=drawn, early=early, told=told, total=total)
    told(0, total)
    own = bench.probe_blocks(frozen.table, frozen.train[places], frozen.pools)
    other: dict[str, Doubles] = {}
    if random is not None:
        extraction = extract(
            examples,
            random,
            pools=frozen.pools,
            device=frozen.device,
            on_progress=staged(on_progress, "features of random weights"),
        )
        if not extraction.skipped:
            other = bench.probe_blocks(extraction.table, np.arange(len(places)), frozen.pools)
    with suppress(ExampleError):  # arrays of several shapes cannot be set side by side
        raw = bench.probe_one(raw_similarity(examples, frozen.found.modality))
    groups = labels.group_numbers
    return Depth(
        blocks=tuple(
            BlockScore(
                block=name,
                pretrained=accuracy(own[name], groups),
                random=accuracy(other[name], groups) if other else None,
            )
            for name in names
        ),
        raw=None if raw is None else accuracy(raw, groups),
        raw_name=NAMES[frozen.found.modality],
        num_examples=len(places),
        num_all=len(frozen.examples),
        early=early,
        over_random=gain(own[""] - other[""], groups) if other else None,
        over_raw=None if raw is None else gain(own[""] - raw, groups),
    )


def random_network(frozen: Frozen) -> Backbone | None:
    """Return the same network with random weights; None for a module of the user's own."""
    try:
        return random_backbone(frozen.backbone, frozen.recipe.seed)
    except (SettingError, BackboneError):
        return None


@dataclass(frozen=True, kw_only=True, eq=False)
class _Bench:
    """Probes on the same labels and folds."""

    labels: Labels
    drawn: Sequence[Sequence[Rows]]
    early: tuple[str, ...]
    told: Any
    total: int

    def probe_blocks(
        self, table: FeatureTable, rows: Rows, pools: tuple[str, ...]
    ) -> dict[str, Doubles]:
        """Return how often each example was answered rightly, by block; "" is the early ones."""
        found = {}
        with one_thread():
            grams = Grams(table, rows)
        for name in table.blocks:
            found[name] = self.probe_one(grams.similarity(Kernel(blocks=(name,), pools=pools)))
            self.told(len(found), self.total)
        found[""] = self.probe_one(grams.similarity(Kernel(blocks=self.early, pools=pools)))
        return found

    def probe_one(self, similarity: Floats) -> Doubles:
        with one_thread():
            return probe(similarity, self.labels, self.drawn)


def _estimate(data: Mapping[str, float] | None) -> Estimate | None:
    return None if data is None else Estimate(**data)
