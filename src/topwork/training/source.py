"""Training data from saved activations.

Every window of an example is learned from with the example's label.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from topwork.core.shapes import Indices, Int
from topwork.examples.views import augmented
from topwork.examples.windows import Input
from topwork.features.activations import Activations

if TYPE_CHECKING:
    import torch


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Windows:
    """Windows of some examples as a trainer's `Source`; one "example" of that is one window.

    Attributes:
        saved: what lies on disk.
        indices: positions in `saved.examples`, window by window.
        numbers: of the windows within their examples.
        preprocessing: of the input, where what was saved are inputs and views are made on the way.
        augment: names of the alterations of these views.
    """

    saved: Activations
    indices: Indices
    numbers: Indices
    preprocessing: Input | None = None
    augment: tuple[str, ...] = ()

    @staticmethod
    def of(
        saved: Activations,
        examples: Int[np.ndarray, " n"],
        *,
        preprocessing: Input | None = None,
        augment: tuple[str, ...] = (),
    ) -> Windows:
        """Take all windows of these examples."""
        counts = [saved.num_windows(int(i)) for i in examples]
        return Windows(
            saved=saved,
            indices=np.repeat(examples, counts),
            numbers=np.concatenate([np.arange(n) for n in counts] or [np.empty(0, np.intp)]),
            preprocessing=preprocessing,
            augment=augment,
        )

    @property
    def num_examples(self) -> int:
        """How many windows there are."""
        return len(self.indices)

    def shape(self, example: int) -> tuple[int, ...]:
        """The shape of a window."""
        return self.saved.shape(int(self.indices[example]), int(self.numbers[example]))

    def load_alike(self, most: int) -> torch.Tensor:
        """Return some windows of the commonest shape, from all over, as they are."""
        shapes = [self.shape(i) for i in range(self.num_examples)]
        usual, _ = Counter(shapes).most_common(1)[0]
        alike = [i for i, shape in enumerate(shapes) if shape == usual]
        return self.load(alike[:: -(-len(alike) // most)], 0)

    def load(self, examples: Sequence[int], epoch: int) -> torch.Tensor:
        """Return windows of one shape; epoch 0 gives them as they are.

        Of saved views each epoch takes the next; on the way each epoch makes its own.
        """
        import torch

        found = []
        for i in examples:
            row, number = int(self.indices[i]), int(self.numbers[i])
            window = self.saved.read(row, epoch % self.saved.num_views, number)
            if epoch and self.preprocessing is not None and self.augment:
                digest = self.saved.examples[row].digest
                window = augmented(
                    window, self.preprocessing, self.augment, digest=digest, view=epoch
                )
            found.append(window)
        batch = torch.from_numpy(np.stack(found))
        return batch.float() if batch.dtype == torch.float16 else batch
