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
    __version__: str
    from topwork.backbones.base import Backbone, Card
    from topwork.backbones.modules import from_module
    from topwork.backbones.registry import get_backbone
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
        TrainingError,
        UnknownBackboneError,
        WeightsError,
    )
    from topwork.estimator import TransferClassifier
    from topwork.evaluation.intervals import Estimate
    from topwork.evaluation.metrics import Evaluation
    from topwork.evidence.attribution.explain import ExplainedPart, Explanation, explain
    from topwork.evidence.transfer.advice import Advice, advise
    from topwork.examples.arrays.preprocessing import ArrayInput
    from topwork.examples.images.preprocessing import ImageInput
    from topwork.examples.sounds.preprocessing import SoundInput
    from topwork.examples.sounds.sound import Sound, SoundFile
    from topwork.examples.texts.preprocessing import TextInput
    from topwork.model.model import Model, load
    from topwork.model.prediction_list import PredictionList
    from topwork.model.predictions import Prediction
    from topwork.model.timeline import Moment
    from topwork.recipe import Recipe
    from topwork.reports.assemble import report
    from topwork.runs.embed import Embeddings, embed
    from topwork.runs.pretrain import Pretrained, pretrain
    from topwork.runs.train import train
    from topwork.transformer import TransferFeatures

_HOMES = {
    "topwork.backbones.base": ("Backbone", "Card"),
    "topwork.backbones.registry": ("get_backbone",),
    "topwork.backbones.modules": ("from_module",),
    "topwork.errors": (
        *("BackboneError", "ColumnError", "DataError", "ExampleError", "ModalityError"),
        *("ModelError", "SettingError", "SourceError", "StoreError", "TooFewError"),
        *("TooLargeError", "TopworkError", "TrainingError", "UnknownBackboneError", "WeightsError"),
    ),
    "topwork.estimator": ("TransferClassifier",),
    "topwork.transformer": ("TransferFeatures",),
    "topwork.evaluation.intervals": ("Estimate",),
    "topwork.evaluation.metrics": ("Evaluation",),
    "topwork.evidence.attribution.explain": ("ExplainedPart", "Explanation", "explain"),
    "topwork.evidence.transfer.advice": ("Advice", "advise"),
    "topwork.examples.arrays.preprocessing": ("ArrayInput",),
    "topwork.examples.images.preprocessing": ("ImageInput",),
    "topwork.examples.sounds.preprocessing": ("SoundInput",),
    "topwork.examples.sounds.sound": ("Sound", "SoundFile"),
    "topwork.examples.texts.preprocessing": ("TextInput",),
    "topwork.model.model": ("Model", "load"),
    "topwork.model.prediction_list": ("PredictionList",),
    "topwork.model.predictions": ("Prediction",),
    "topwork.runs.embed": ("Embeddings", "embed"),
    "topwork.runs.train": ("train",),
    "topwork.runs.pretrain": ("Pretrained", "pretrain"),
    "topwork.recipe": ("Recipe",),
    "topwork.reports.assemble": ("report",),
    "topwork.model.timeline": ("Moment",),
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
    "Embeddings",
    "Estimate",
    "Evaluation",
    "ExampleError",
    "ExplainedPart",
    "Explanation",
    "ImageInput",
    "ModalityError",
    "Model",
    "ModelError",
    "Moment",
    "Prediction",
    "PredictionList",
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
    "TrainingError",
    "TransferClassifier",
    "TransferFeatures",
    "UnknownBackboneError",
    "WeightsError",
    "advise",
    "embed",
    "explain",
    "from_module",
    "get_backbone",
    "load",
    "pretrain",
    "report",
    "train",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("topwork")
    if name not in _HOME_OF:
        raise AttributeError(f"topwork has no attribute {name!r}; it has: {', '.join(__all__)}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return __all__
