"""Accuracy of a probe on each block.

Every block under the same kind of probe (probe.py) on the same folds, so that what differs is what
the block has learned (Yosinski et al. 2014 cut and retrain at each depth; a probe asks the same in
seconds).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from topwork.backbones.base import Backbone
from topwork.backbones.random import with_random_weights
from topwork.core.memo import memo
from topwork.core.plain import Plain
from topwork.core.progress import renamed, staged
from topwork.core.shapes import Doubles, Floats, Indices
from topwork.errors import BackboneError, ExampleError, SettingError
from topwork.evaluation.crossval import draw_folds, one_thread
from topwork.evaluation.intervals import Estimate, accuracy
from topwork.evidence.transfer.comparison import measurement_key
from topwork.evidence.transfer.paired import gain
from topwork.evidence.transfer.probe import probe
from topwork.evidence.transfer.raw_inputs import NAMES, raw_similarity
from topwork.features.extract import extract
from topwork.features.table import FeatureTable
from topwork.heads.grams import Grams
from topwork.heads.kernel import Kernel
from topwork.heads.labels import Labels, sample_indices
from topwork.runs.head import HeadRun

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
class LayerProbe(Plain):
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

    SHOWN: ClassVar[tuple[str, ...]] = ("sentence",)

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
        message = (
            f"Of {len(self.blocks)} blocks, block {place} ({best.block}) alone serves best: "
            f"{best.pretrained.value:.3f}"
        )
        baselines = []
        if best.random is not None:
            baselines.append(f"{best.random.value:.3f} with random weights")
        if self.raw is not None:
            baselines.append(f"{self.raw.value:.3f} from {self.raw_name}")
        return message + (f", against {' and '.join(baselines)}." if baselines else ".")


def probe_layers(head_run: HeadRun, *, max_examples: int = MAX_PROBED) -> LayerProbe:
    """Probe every block of the network, of the same one with random weights, and the raw inputs.

    Args:
        max_examples: with more, a stratified sample of so many is probed, of all groups.

    Raises:
        TooFewError: no fold could teach anything about its test examples.
    """
    indices = sample_indices(head_run.labels, max_examples)
    labels = head_run.labels.take(indices)
    recipe = head_run.recipe
    drawn, _ = draw_folds(labels, num_folds=recipe.num_folds, num_repeats=recipe.num_repeats)
    return memo(
        measurement_key(
            head_run, indices, labels, drawn, "layers", list(head_run.pools), len(head_run.examples)
        ),
        lambda: _score(head_run, indices, labels, drawn),
        read=LayerProbe.from_dict,
        write=LayerProbe.to_dict,
    )


def _score(
    head_run: HeadRun,
    indices: Indices,
    labels: Labels,
    drawn: Sequence[Sequence[Indices]],
) -> LayerProbe:
    report = staged("depth")
    examples = [head_run.examples[i] for i in indices]
    names = head_run.table.blocks
    networks = head_run.table.networks
    early = tuple(name for own in networks for name in own[: max(1, round(EARLY * len(own)))])
    random, raw = random_network(head_run), None
    total = (len(names) + 1) * (1 if random is None else 2) + 1
    bench = _Bench(labels=labels, drawn=drawn, early=early, report=report, total=total)
    report(0, total)
    own = bench.probe_blocks(head_run.table, head_run.train[indices], head_run.pools)
    other: dict[str, Doubles] = {}
    if random is not None:
        with renamed("{} of random weights"):
            extraction = extract(
                examples, random, pools=head_run.pools, device=head_run.options.device
            )
        if not extraction.skipped:
            other = bench.probe_blocks(extraction.table, np.arange(len(indices)), head_run.pools)
    with suppress(ExampleError):  # arrays of several shapes cannot be set side by side
        raw = bench.probe_one(raw_similarity(examples, head_run.found.modality))
    groups = labels.group_numbers
    return LayerProbe(
        blocks=tuple(
            BlockScore(
                block=name,
                pretrained=accuracy(own[name], groups),
                random=accuracy(other[name], groups) if other else None,
            )
            for name in names
        ),
        raw=None if raw is None else accuracy(raw, groups),
        raw_name=NAMES[head_run.found.modality],
        num_examples=len(indices),
        num_all=len(head_run.examples),
        early=early,
        over_random=gain(own[""] - other[""], groups) if other else None,
        over_raw=None if raw is None else gain(own[""] - raw, groups),
    )


def random_network(head_run: HeadRun) -> Backbone | None:
    """Return the same network with random weights; None for a module of the user's own."""
    try:
        return with_random_weights(head_run.backbone, head_run.recipe.seed)
    except (SettingError, BackboneError):
        return None


@dataclass(frozen=True, kw_only=True, eq=False)
class _Bench:
    """Probes on the same labels and folds."""

    labels: Labels
    drawn: Sequence[Sequence[Indices]]
    early: tuple[str, ...]
    report: Callable[[int, int], None]
    total: int

    def probe_blocks(
        self, table: FeatureTable, indices: Indices, pools: tuple[str, ...]
    ) -> dict[str, Doubles]:
        """Return how often each example was answered rightly, by block; "" is the early ones."""
        found = {}
        with one_thread():
            grams = Grams(table, indices)
        for name in table.blocks:
            found[name] = self.probe_one(grams.similarity(Kernel(blocks=(name,), pools=pools)))
            self.report(len(found), self.total)
        found[""] = self.probe_one(grams.similarity(Kernel(blocks=self.early, pools=pools)))
        return found

    def probe_one(self, similarity: Floats) -> Doubles:
        with one_thread():
            return probe(similarity, self.labels, self.drawn)
