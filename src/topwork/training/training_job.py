"""What is trained, from what, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from topwork.core.digests import digest_settings
from topwork.errors import SettingError
from topwork.features.activations import Activations
from topwork.heads.labels import Labels
from topwork.training.cut import Cut
from topwork.training.settings import Training


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingJob:
    """What is trained, from what, and how: the same in every fold and at the end.

    Attributes:
        cut: where; with the network as it comes, or with random weights.
        saved: what comes out at the cut, of all examples.
        labels: of all examples of `saved`, in order.
        settings: with epochs, batch_size and lr filled in.
        units: of the head's hidden layers.
        dropout: before each layer of the head.
        label_smoothing: of the loss.
        contrast: whether pairs are learned from; the head is then fitted last, on what comes out.
        head_first: whether the head is fitted before the blocks move; not from random weights.
        device: `cpu`, `cuda`, ...
    """

    cut: Cut
    saved: Activations
    labels: Labels
    settings: Training
    units: tuple[int, ...] = ()
    dropout: float = 0.0
    label_smoothing: float = 0.0
    contrast: bool = False
    head_first: bool = True
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.settings.lora is not None and not self.head_first:
            raise SettingError(
                f"lora is {self.settings.lora} with random weights; accepted with pre-trained "
                "ones, which it leaves as they are but for small updates. Leave it out."
            )

    @property
    def identity(self) -> str:
        """The digest of all that decides what is learned, but for the rows and the settings."""
        return digest_settings(
            {
                "cut": self.cut.digest,
                "saved": self.saved.key,
                "examples": [example.digest for example in self.saved.examples],
                "units": list(self.units),
                "dropout": self.dropout,
                "label_smoothing": self.label_smoothing,
                "head_first": self.head_first,
                **({"contrast": True} if self.contrast else {}),
            }
        )
