"""A network with its head: features as executors give them, states whole, served as trained."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests import small
from tests.training import jobs
from tests.training.cuts import MAKERS
from topwork.backbones.base import Backbone
from topwork.backbones.random import with_random_weights
from topwork.executors.choose import open_executor
from topwork.features.activations import save_activations
from topwork.features.extract import extract
from topwork.features.table import ArrayTable
from topwork.training.cut import (
    LEAST_SPREAD,
    NETWORK,
    Cut,
    first_transform,
    head_of,
    with_head,
)
from topwork.training.finetune import features_of, finetune
from topwork.training.finetuned_backbone import finetuned_backbone
from topwork.training.strategy import Strategy
from topwork.training.tail import learned
from topwork.training.training_job import TrainingJob

KINDS = ("image", "sound", "text", "array")


def job_of(kind: str, folder: Path, cut: bool = True, **settings: object) -> TrainingJob:
    """A job with a cut before the last block, or before the first."""
    backbone: Backbone
    if kind == "image":
        backbone, examples = jobs.conv2d(), jobs.colour_examples(6)
    elif kind == "sound":
        backbone, examples = small.tiny_sound_backbone(), jobs.sound_examples(folder)
    elif kind == "text":
        backbone, examples = jobs.tiny_bert(folder / "bert"), jobs.text_examples(folder)
    else:
        backbone, examples = jobs.conv1d(), jobs.array_examples(6)
    block = backbone.build().blocks[-2] if cut else None
    return jobs.make_job(backbone, examples, block, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("cut", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_features_are_those_of_the_executor(kind: str, cut: bool, tmp_path: Path) -> None:
    job = job_of(kind, tmp_path, cut)
    ours = features_of(job.cut.body(), job, jobs.rows_of(job))
    whole = replace(job.cut.backbone, precision="f32")
    executor = open_executor(whole, pools=job.cut.pools, device="openvino")
    assert tuple(executor.segments) == job.cut.segments
    inputs = save_activations(job.saved.examples, whole, None)
    windows = [inputs.read(row) for row in range(len(inputs.examples))]  # one of each example
    theirs = np.stack(list(executor.run(windows)))[:, -ours.shape[1] :]
    scale = np.abs(theirs).max()
    # what is saved at a cut has the digits of float16
    assert np.abs(ours - theirs).max() / scale < (1e-3 if cut else 1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_served_by_openvino_as_by_torch(kind: str, tmp_path: Path) -> None:
    job = job_of(kind, tmp_path, epochs=3, lr=3e-3)
    fine_tuned = finetune(job, jobs.rows_of(job))
    backbone = finetuned_backbone(fine_tuned, 0.75, Strategy(kind="last", last_blocks=1))
    module, head = fine_tuned.network(0.75)
    served = job.cut.served(head)
    tables = {}
    for device in ("openvino", "torch"):
        extraction = extract(job.saved.examples, backbone, pools=job.cut.pools, device=device)
        assert extraction.table.segments == served.segments
        tables[device] = served.predict(extraction.table)
    assert np.abs(tables["openvino"] - tables["torch"]).max() < 1e-3
    assert (tables["openvino"].argmax(1) == tables["torch"].argmax(1)).all()
    # and as the module that was trained, from what was saved at the cut
    features = features_of(module.get_submodule("body"), job, jobs.rows_of(job))
    trained = head.predict(ArrayTable(features, head.segments))
    assert np.abs(tables["openvino"] - trained).max() < 1e-3
    assert (tables["openvino"].argmax(1) == trained.argmax(1)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_state_is_whole_and_has_what_was_trained(kind: str, tmp_path: Path) -> None:
    job = job_of(kind, tmp_path, lr=1e-2)
    cut, network = job.cut, job.cut.network.module
    fine_tuned = finetune(job, jobs.rows_of(job))
    module, _ = fine_tuned.network()
    before, state = network.state_dict(), cut.state(module)
    assert list(state) == list(before)
    changed = {name for name in state if not torch.equal(state[name], before[name])}
    assert changed
    assert {f"inner.{name}" for name in changed} <= learned(cut.after.module)
    last = cut.network.blocks[-1]
    for name in changed:
        assert torch.equal(state[name], module.state_dict()[cut.own_name(name)])
    network.load_state_dict(state)
    assert cut.whole_name(f"{NETWORK}inner.{last}.x") == f"{last}.x"
    assert cut.whole_name("head.layers.0.weight") is None
    assert cut.own_name("head") == "head"


def test_what_runs_before_the_cut_stays_as_it_was_though_it_lies_beside_it() -> None:
    """A class token and positions belong to the module that holds the blocks."""
    backbone = MAKERS["vit"](Path())
    cut = Cut.of(backbone, backbone.build().blocks[4])
    body = cut.body()
    with torch.no_grad():
        for tensor in body.parameters():
            tensor.add_(1.0)
    trained = torch.nn.ModuleDict({"body": body})
    state, before = cut.state(trained), cut.network.module.state_dict()
    for name in ("cls_token", "pos_embed", "blocks.3.attn.qkv.weight"):
        assert torch.equal(state[name], before[name])
    assert torch.equal(state["blocks.5.attn.qkv.weight"], before["blocks.5.attn.qkv.weight"] + 1)


def test_fresh_blocks_take_nothing_else_from_the_random_network() -> None:
    backbone = MAKERS["vit"](Path())
    block = backbone.build().blocks[4]
    fresh = with_random_weights(backbone, seed=3)
    cut = Cut.of(backbone, block, fresh=fresh)
    state = cut.state(torch.nn.ModuleDict({"body": cut.body()}))
    before, new = cut.network.module.state_dict(), fresh.build().module.state_dict()
    for name in state:
        later = name.startswith(("blocks.4", "blocks.5", "norm."))
        assert torch.equal(state[name], new[name] if later else before[name]), name
    assert cut.digest != Cut.of(backbone, block).digest


def test_bodies_are_copies() -> None:
    backbone = jobs.conv2d()
    cut = Cut.of(backbone, backbone.build().blocks[1])
    one, two = cut.body(), cut.body()
    with torch.no_grad():
        next(one.parameters()).zero_()
    assert not torch.equal(next(one.parameters()), next(two.parameters()))
    assert cut.blocks == tuple(NETWORK + block for block in cut.after.blocks)


def test_the_first_transform_brings_features_to_mean_0_and_variance_1(tmp_path: Path) -> None:
    segments = job_of("image", tmp_path).cut.last
    width = sum(segment.size for segment in segments)
    spreads = np.geomspace(1e-6, 10, width)
    features = np.random.default_rng(0).normal(5, spreads, (2000, width)).astype(np.float32)
    transform = first_transform(features, segments)
    made = transform(ArrayTable(features, segments), np.arange(len(features)))
    np.testing.assert_allclose(made.mean(0), 0, atol=1e-3)
    # what hardly varies, beside the others, is not blown up
    usual = float(np.sqrt((features.std(0) ** 2).mean()))
    wanted = np.minimum(features.std(0) / (LEAST_SPREAD * usual), 1)
    np.testing.assert_allclose(made.std(0), wanted, rtol=1e-2, atol=1e-4)


def test_the_module_gives_the_heads_logits(tmp_path: Path) -> None:
    job = job_of("image", tmp_path)
    fine_tuned = finetune(job, jobs.rows_of(job))
    module = with_head(job.cut.body(), fine_tuned.head, dropout=0.5).eval()
    module.load_state_dict(fine_tuned.after)
    batch = torch.from_numpy(np.stack([job.saved.read(i) for i in range(5)])).float()
    with torch.inference_mode():
        logits = module(batch).numpy()
    head = head_of(module, fine_tuned.head)
    features = features_of(module.get_submodule("body"), job, np.arange(5))
    probabilities = head.predict(ArrayTable(features, head.segments))
    ours = np.exp(logits - logits.max(1, keepdims=True))
    np.testing.assert_allclose(ours / ours.sum(1, keepdims=True), probabilities, atol=1e-5)
