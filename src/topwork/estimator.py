"""Training as a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from topwork.backbones.base import Backbone
from topwork.core.options import RunOptions
from topwork.core.shapes import Float64, Shaped
from topwork.errors import SettingError, TooFewError
from topwork.model.model import Model
from topwork.recipe import ClassWeight, Recipe
from topwork.runs.source import examples_and_backbone
from topwork.runs.train import train_examples


@final
class TransferClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classifies images, sounds, texts or arrays with a pre-trained network and a new head.

    Inputs `X` are lists (or object arrays) of paths, texts, PIL images, `Sound`s, arrays [H, W, 3]
    or encoded bytes; labels `y` are text, whole numbers or truths. Features are kept on disk, so
    that a grid search or a cross-validation computes them once.

    Args:
        backbone: a name, or a `Backbone`; None: the one that comes with Topwork for the kind of
            input that `X` holds.
        train: `head`: the network stays frozen; `last:K`, `all` or `scratch`: blocks are trained
            too. Cross-validation is left to scikit-learn, so nothing calibrates those, and `auto`,
            which chooses by it, is `head`.
        class_weight: `none`, or `balanced`.
        pools: how blocks become numbers; None: by the number of examples.
        seed: of the folds inside.
        device: where features are computed.

    Attributes:
        classes_: the labels, sorted; the columns of `predict_proba`.
        model_: the fitted `topwork.Model`, of which everything but `evaluation` is there.

    >>> import topwork
    >>> from sklearn.datasets import load_digits
    >>> digits = load_digits(n_class=3)
    >>> pictures = [(15 * image).astype("uint8") for image in digits.images[:60]]
    >>> labels = digits.target[:60].tolist()
    >>> classifier = topwork.TransferClassifier().fit(pictures, labels)
    >>> classifier.predict(pictures[:3]).tolist()
    [0, 1, 2]
    """

    def __init__(
        self,
        backbone: str | Backbone | None = None,
        *,
        train: str = "head",
        class_weight: ClassWeight = "none",
        pools: Sequence[str] | None = None,
        seed: int = 0,
        device: str = "auto",
    ) -> None:
        self.backbone = backbone
        self.train = train
        self.class_weight = class_weight
        self.pools = pools
        self.seed = seed
        self.device = device

    def fit(
        self, X: Sequence[object], y: Sequence[object], groups: Sequence[object] | None = None
    ) -> TransferClassifier:
        """Train on inputs and their labels; `groups` keep together in the folds inside.

        Raises:
            TooFewError: there is one class only.
            SettingError: the numbers of inputs and labels differ, or a setting is not accepted.
        """
        inputs, labels = list(X), np.asarray(y)
        if len(inputs) != len(labels):
            raise SettingError(
                f"{len(inputs)} inputs came with {len(labels)} labels; accepted: one for each."
            )
        classes, codes = np.unique(labels, return_inverse=True)
        if len(classes) < 2:
            raise TooFewError(f"There is only one class, {classes.tolist()}; accepted: 2 or more.")
        found, backbone = examples_and_backbone(
            inputs, codes.tolist(), groups, backbone=self.backbone, call="fit(X, y)"
        )
        recipe = Recipe(
            backbone=backbone.name,
            train=self.train,
            pools=None if self.pools is None else tuple(self.pools),
            class_weight=self.class_weight,
            seed=self.seed,
        )
        options = RunOptions(device=self.device)
        parts = train_examples(found, recipe, backbone, options, scored=False)
        self.model_ = Model(parts, device=self.device)
        self.classes_ = classes
        return self

    def predict_proba(self, X: Sequence[object]) -> Float64[np.ndarray, "n k"]:
        """Return probabilities [len(X), number of classes], in the order of `classes_`."""
        check_is_fitted(self)
        known = self.model_.predict_proba(list(X))
        out = np.zeros((len(known), len(self.classes_)))
        out[:, [int(name) for name in self.model_.classes]] = known
        return out

    def predict(self, X: Sequence[object]) -> Shaped[np.ndarray, " n"]:
        """Return the most probable label of each input."""
        best = self.predict_proba(X).argmax(1)
        labels: npt.NDArray[Any] = self.classes_[best]
        return labels
