"""A fine-tuned network as a backbone."""

import pytest
import torch

from tests.training import jobs
from topwork.training.finetune import FineTuned, finetune
from topwork.training.finetuned_backbone import finetuned_backbone
from topwork.training.strategy import Strategy
from topwork.training.training_job import TrainingJob

STRATEGY = Strategy(kind="last", last_blocks=1)


@pytest.fixture(scope="module")
def job() -> TrainingJob:
    return jobs.make_job(jobs.conv2d(), jobs.colour_examples(5), "block1", lr=1e-2)


@pytest.fixture(scope="module")
def fine_tuned(job: TrainingJob) -> FineTuned:
    return finetune(job, jobs.rows_of(job))


def test_it_has_the_weights_that_were_trained(job: TrainingJob, fine_tuned: FineTuned) -> None:
    backbone = finetuned_backbone(fine_tuned, 0.5, STRATEGY)
    plain = job.cut.backbone.build().module.state_dict()
    found = backbone.build().module.state_dict()
    assert list(found) == list(plain)
    module, _ = fine_tuned.network(0.5)
    for name, tensor in found.items():
        if name.startswith("block2."):
            own = f"body.network.inner.{name}"
            if tensor.is_floating_point():
                wanted = (fine_tuned.before[own] + fine_tuned.after[own]) / 2
                if "running_" in name:  # a mean of weights has statistics of its own
                    wanted = module.state_dict()[own]
                torch.testing.assert_close(tensor, wanted)
        else:
            assert torch.equal(tensor, plain[name])
    assert not backbone.build().module.training
    assert backbone.build().blocks == job.cut.network.blocks


def test_its_digest_is_of_its_weights(job: TrainingJob, fine_tuned: FineTuned) -> None:
    own = job.cut.backbone
    found = {
        finetuned_backbone(fine_tuned, 1.0, STRATEGY).digest,
        finetuned_backbone(fine_tuned, 0.5, STRATEGY).digest,
        finetuned_backbone(fine_tuned, 1.0, Strategy(kind="all")).digest,
        own.digest,
    }
    assert len(found) == 4
    again = finetuned_backbone(finetune(job, jobs.rows_of(job)), 1.0, STRATEGY)
    assert again.digest == finetuned_backbone(fine_tuned, 1.0, STRATEGY).digest
    assert again.name == f"{own.name}, last:1 tuned"
    assert (again.precision, again.input, again.card) == ("f32", own.input, own.card)


def test_the_original_stays_as_it_was(job: TrainingJob, fine_tuned: FineTuned) -> None:
    before = {name: t.clone() for name, t in job.cut.network.module.state_dict().items()}
    finetuned_backbone(fine_tuned, 1.0, STRATEGY)
    after = job.cut.network.module.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
