"""Loss of pairs of examples.

The cosine of every pair of a batch is drawn to 1 where both are of one class, and to 0 where they
are not: the loss of SetFit (Tunstall et al. 2022, "Efficient few-shot learning without prompts"),
on all pairs at once in place of a sample of them. N examples are N (N - 1) / 2 pairs, so a few
dozen of them can move a network that a softmax on a few dozen answers cannot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def contrast_loss(
    vectors: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor | None = None
) -> torch.Tensor:
    """Return the loss of a batch, from 0 to 1 for vectors that are not negative.

    Pairs of one class weigh as much together as pairs of two, however many there are of each; a
    batch without either has the others' loss.

    Args:
        vectors: float [N, D].
        targets: int [N], the classes.
        weights: float [N], of the examples; a pair weighs their product. None: all alike.
    """
    import torch

    alike = targets[:, None] == targets
    units = torch.nn.functional.normalize(vectors, dim=1)
    squares = (alike.to(units.dtype) - units @ units.T) ** 2
    pairs = torch.ones_like(squares) if weights is None else weights[:, None] * weights
    pairs = torch.triu(pairs, diagonal=1)
    means = []
    for chosen in (alike, ~alike):
        own = pairs * chosen
        if bool((total := own.sum()) > 0):
            means.append((own * squares).sum() / total)
    return torch.stack(means).mean() if means else 0 * vectors.sum()


def num_beside_own(vectors: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return how many are nearest, by cosine, to another example of their class."""
    import torch

    units = torch.nn.functional.normalize(vectors, dim=1)
    cosines = (units @ units.T).fill_diagonal_(-2.0)
    return (targets[cosines.argmax(1)] == targets).sum()
