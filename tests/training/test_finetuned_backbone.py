"""A fine-tuned network as a backbone, and the control with random weights."""

import pytest
import torch

from tests import small
from tests.training import jobs
from topwork.backbones.random import with_random_weights
from topwork.errors import SettingError
from topwork.training.finetune import FineTuned, TrainingJob, finetune
from topwork.training.finetuned_backbone import finetuned_backbone
from topwork.training.strategy import Strategy

WAY = Strategy(kind="last", last_blocks=1)


@pytest.fixture(scope="module")
def job() -> TrainingJob:
    return jobs.make_job(jobs.conv2d(), jobs.colour_examples(5), "block1", lr=1e-2)


@pytest.fixture(scope="module")
def fine_tuned(job: TrainingJob) -> FineTuned:
    return finetune(job, jobs.rows_of(job))


def test_it_has_the_weights_that_were_trained(job: TrainingJob, fine_tuned: FineTuned) -> None:
    backbone = finetuned_backbone(fine_tuned, 0.5, WAY)
    plain = job.cut.backbone.build().module.state_dict()
    found = backbone.build().module.state_dict()
    assert list(found) == list(plain)
    for name, tensor in found.items():
        if name.startswith("block2."):
            own = f"body.network.inner.{name}"
            if tensor.is_floating_point():
                wanted = (fine_tuned.before[own] + fine_tuned.after[own]) / 2
                torch.testing.assert_close(tensor, wanted)
        else:
            assert torch.equal(tensor, plain[name])
    assert not backbone.build().module.training
    assert backbone.build().blocks == job.cut.network.blocks


def test_its_digest_is_of_its_weights(job: TrainingJob, fine_tuned: FineTuned) -> None:
    own = job.cut.backbone
    found = {
        finetuned_backbone(fine_tuned, 1.0, WAY).digest,
        finetuned_backbone(fine_tuned, 0.5, WAY).digest,
        finetuned_backbone(fine_tuned, 1.0, Strategy(kind="all")).digest,
        own.digest,
    }
    assert len(found) == 4
    again = finetuned_backbone(finetune(job, jobs.rows_of(job)), 1.0, WAY)
    assert again.digest == finetuned_backbone(fine_tuned, 1.0, WAY).digest
    assert again.name == f"{own.name}, last:1 tuned"
    assert (again.precision, again.input, again.card) == ("f32", own.input, own.card)


def test_the_original_stays_as_it_was(job: TrainingJob, fine_tuned: FineTuned) -> None:
    before = {name: t.clone() for name, t in job.cut.network.module.state_dict().items()}
    finetuned_backbone(fine_tuned, 1.0, WAY)
    after = job.cut.network.module.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())


def test_random_weights_are_those_of_the_seed_and_say_so() -> None:
    backbone = jobs.conv2d()
    one, same, other = (with_random_weights(backbone, seed) for seed in (1, 1, 2))
    assert one.digest == same.digest
    assert len({one.digest, other.digest, backbone.digest}) == 3
    weights = [next(b.build().module.parameters()) for b in (one, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert one.card.pretrained_on == "nothing (random weights)"
    assert one.name == f"{backbone.name}, random weights"
    assert one.build().blocks == backbone.build().blocks


def test_a_module_of_the_users_own_cannot_be_had_anew() -> None:
    with pytest.raises(SettingError, match=r"'tiny' is a module of your own.*--train all"):
        with_random_weights(small.tiny_backbone(), 0)
