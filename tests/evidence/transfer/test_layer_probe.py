from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import small
from topwork.backbones.base import Backbone
from topwork.backbones.registry import get_backbone
from topwork.evidence.transfer.layer_probe import LayerProbe, probe_layers, random_network
from topwork.evidence.transfer.probe import probe
from topwork.examples.sources import read_examples
from topwork.heads.grams import Grams
from topwork.heads.kernel import Kernel
from topwork.recipe import Recipe
from topwork.runs.head import HeadRun, run_head


def head_on(folder: Path, backbone: str | Backbone, **settings: Any) -> HeadRun:
    return run_head(
        read_examples(folder),
        Recipe(train="head", num_repeats=1, **settings),
        get_backbone(backbone),
    )


@pytest.fixture(scope="module")
def head_run(digits: Path) -> HeadRun:
    return head_on(digits, small.SMALL)


def test_every_block_is_probed_beside_the_same_with_random_weights(head_run: HeadRun) -> None:
    depth = probe_layers(head_run)
    assert [one.block for one in depth.blocks] == list(head_run.table.blocks)
    assert depth.num_examples == depth.num_all == 30
    assert all(one.random is not None for one in depth.blocks)
    assert depth.raw is not None
    assert depth.raw.value > 0.8  # scans of three digits
    assert depth.best.pretrained.value == max(one.pretrained.value for one in depth.blocks)
    assert len(depth.early) == round(len(depth.blocks) / 3)
    assert depth.best.block in depth.sentence
    assert "raw pixels" in depth.sentence
    assert LayerProbe.from_dict(depth.to_dict()) == depth


def test_a_block_scores_what_a_probe_on_it_scores(head_run: HeadRun) -> None:
    from topwork.evaluation.crossval import draw_folds

    drawn, _ = draw_folds(head_run.labels, num_repeats=1)
    name = head_run.table.blocks[2]
    similarity = Grams(head_run.table, head_run.train).similarity(
        Kernel(blocks=(name,), pools=head_run.pools)
    )
    wanted = probe(similarity, head_run.labels, drawn).mean()
    found = {one.block: one.pretrained.value for one in probe_layers(head_run).blocks}
    assert found[name] == pytest.approx(wanted)


def test_of_many_examples_some_are_probed(head_run: HeadRun) -> None:
    depth = probe_layers(head_run, max_examples=15)
    assert (depth.num_examples, depth.num_all) == (15, 30)


def test_a_module_of_ones_own_has_no_random_rival(digits: Path, tiny_backbone: Backbone) -> None:
    own = head_on(digits, tiny_backbone)
    assert random_network(own) is None
    depth = probe_layers(own)
    assert all(one.random is None for one in depth.blocks)
    assert depth.over_random is None
    assert "random weights" not in depth.sentence
    assert LayerProbe.from_dict(depth.to_dict()) == depth


def test_the_same_random_network_is_worth_as_much(head_run: HeadRun) -> None:
    """`small.SMALL` has random weights of seed 0 itself: its rival is the same network."""
    depth = probe_layers(head_run)
    apart = [abs(one.pretrained.value - one.random.value) for one in depth.blocks if one.random]
    assert np.max(apart) <= 0.1
    assert depth.over_random is not None
    assert depth.over_random.low <= 0 <= depth.over_random.high
