"""Jobs on tiny data of every modality, for the tests of fine-tuning."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests import small
from tests.backbones import folders
from topwork.backbones.base import Backbone
from topwork.backbones.named_architecture import architecture
from topwork.backbones.registry import get_backbone
from topwork.examples.example import Example, sort_labels
from topwork.examples.sources import examples_from, read_examples
from topwork.features.activations import save_activations
from topwork.heads.labels import Labels
from topwork.training.cut import Cut
from topwork.training.settings import Training
from topwork.training.training_job import TrainingJob

SETTINGS: dict[str, Any] = {
    "epochs": 2,
    "batch_size": 8,
    "lr": 1e-3,
    "weight_decay": 0.0,
    "precision": "f32",
    "batch_norm": "frozen",
}


def colour_examples(count: int = 12, num_classes: int = 3, **values: Any) -> Sequence[Example]:
    """Pictures of 16 px, `count` of each colour."""
    images, labels = small.colours(num_classes, count, **values)
    return examples_from(images, labels, modality="image").examples


def text_examples(folder: Path) -> Sequence[Example]:
    return read_examples(small.write_texts(folder / "texts.csv")).examples


def sound_examples(folder: Path, count: int = 4) -> Sequence[Example]:
    return read_examples(small.write_sounds(folder / "sounds", count)).examples


def array_examples(count: int = 12, seed: int = 0) -> Sequence[Example]:
    """Rows of noise, 2 x 24, around a class's own number."""
    rng = np.random.default_rng(seed)
    arrays = [
        (rng.normal(0, 1, (2, 24)) + kind).astype(np.float32)
        for kind in (0, 1)
        for _ in range(count)
    ]
    labels = [str(kind) for kind in (0, 1) for _ in range(count)]
    return examples_from(arrays, labels, modality="array").examples


def conv2d() -> Backbone:
    """Three blocks of seeded weights, with BatchNorm."""
    return architecture("topwork/conv2d:8,8,8", size=16)


def conv1d() -> Backbone:
    return architecture("topwork/conv1d:8,8", input_shape=(2, 24))


def tiny_bert(folder: Path, **changes: Any) -> Backbone:
    if not folder.exists():
        folders.text_folder(folder, "bert", **changes)
    return get_backbone(str(folder))


def make_job(
    backbone: Backbone,
    examples: Sequence[Example],
    block: str | None = None,
    *,
    seed: int = 0,
    class_weight: Any = "none",
    fresh: Backbone | None = None,
    units: tuple[int, ...] = (),
    dropout: float = 0.0,
    label_smoothing: float = 0.0,
    head_first: bool = True,
    **settings: Any,
) -> TrainingJob:
    """Save what comes out at the cut, and return the job."""
    training = Training(**{**SETTINGS, **settings})
    saved = save_activations(
        examples,
        backbone,
        block,
        device="cpu",
        augment=() if block is None else training.augment or (),
        num_views=1 if block is None else training.num_views or 1,
    )
    classes = sort_labels({example.label or "" for example in examples})
    return TrainingJob(
        cut=Cut.of(backbone, block, fresh=fresh),
        saved=saved,
        labels=Labels.of(saved.examples, classes, class_weight=class_weight, seed=seed),
        settings=training,
        units=units,
        dropout=dropout,
        label_smoothing=label_smoothing,
        head_first=head_first,
    )


def rows_of(job: TrainingJob) -> Any:
    """All rows."""
    return np.arange(len(job.labels.classes))
