"""Transfer learning from few labelled examples, with scores that can be believed.

    import topwork
    model = topwork.train("photos/")          # a folder per class, or a table; of recordings and
    model.predict(["a.jpg", pil_image])       # texts, too: label names and probabilities
    model.save("pets"); topwork.load("pets")

This file lists the public names. They are loaded when they are first used: `import topwork` alone
loads nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from topwork.archive import load
    from topwork.backbones.base import Backbone, Card
    from topwork.backbones.modules import from_module
    from topwork.backbones.named import get_backbone
    from topwork.errors import (
        BackboneError,
        ColumnError,
        DataError,
        ExampleError,
        ModalityError,
        ModelError,
        SettingError,
        SourceError,
        StoreError,
        TooFewError,
        TooLargeError,
        TopworkError,
        UnknownBackboneError,
        WeightsError,
    )
    from topwork.estimator import TransferClassifier
    from topwork.evaluation.intervals import Estimate
    from topwork.evaluation.metrics import Evaluation
    from topwork.evidence.advice import Advice, advise
    from topwork.examples.array_input import ArrayInput
    from topwork.examples.image_input import ImageInput
    from topwork.examples.sound_input import SoundInput
    from topwork.examples.sounds import Sound, SoundFile
    from topwork.examples.text_input import TextInput
    from topwork.model import Model
    from topwork.outcomes import Prediction
    from topwork.pipeline import train
    from topwork.pretraining import Pretrained, pretrain
    from topwork.recipe import Recipe
    from topwork.timeline import Moment

_HOMES = {
    "topwork.archive": ("load",),
    "topwork.backbones.base": ("Backbone", "Card"),
    "topwork.backbones.named": ("get_backbone",),
    "topwork.backbones.modules": ("from_module",),
    "topwork.errors": (
        *("BackboneError", "ColumnError", "DataError", "ExampleError", "ModalityError"),
        *("ModelError", "SettingError", "SourceError", "StoreError", "TooFewError"),
        *("TooLargeError", "TopworkError", "UnknownBackboneError", "WeightsError"),
    ),
    "topwork.estimator": ("TransferClassifier",),
    "topwork.evaluation.intervals": ("Estimate",),
    "topwork.evaluation.metrics": ("Evaluation",),
    "topwork.evidence.advice": ("Advice", "advise"),
    "topwork.examples.array_input": ("ArrayInput",),
    "topwork.examples.image_input": ("ImageInput",),
    "topwork.examples.sound_input": ("SoundInput",),
    "topwork.examples.sounds": ("Sound", "SoundFile"),
    "topwork.examples.text_input": ("TextInput",),
    "topwork.model": ("Model",),
    "topwork.outcomes": ("Prediction",),
    "topwork.pipeline": ("train",),
    "topwork.pretraining": ("Pretrained", "pretrain"),
    "topwork.recipe": ("Recipe",),
    "topwork.timeline": ("Moment",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Advice",
    "ArrayInput",
    "Backbone",
    "BackboneError",
    "Card",
    "ColumnError",
    "DataError",
    "Estimate",
    "Evaluation",
    "ExampleError",
    "ImageInput",
    "ModalityError",
    "Model",
    "ModelError",
    "Moment",
    "Prediction",
    "Pretrained",
    "Recipe",
    "SettingError",
    "Sound",
    "SoundFile",
    "SoundInput",
    "SourceError",
    "StoreError",
    "TextInput",
    "TooFewError",
    "TooLargeError",
    "TopworkError",
    "TransferClassifier",
    "UnknownBackboneError",
    "WeightsError",
    "advise",
    "from_module",
    "get_backbone",
    "load",
    "pretrain",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"topwork has no attribute {name!r}; it has: {', '.join(__all__)}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return __all__
