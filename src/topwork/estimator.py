"""Training as a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from topwork.backbones.base import Backbone
from topwork.core.options import RunOptions
from topwork.core.shapes import Float64, Shaped
from topwork.errors import SettingError, TooFewError
from topwork.examples.scikit_inputs import (
    as_inputs,
    as_labels,
    class_names,
    classes_of,
    num_features,
    say_inputs,
)
from topwork.model.model import Model
from topwork.recipe import ClassWeight, Recipe
from topwork.runs.source import examples_and_backbone
from topwork.runs.train import train_examples

if TYPE_CHECKING:
    from sklearn.utils import Tags


@final
class TransferClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classifies images, sounds, texts or arrays with a pre-trained network and a new head.

    Inputs `X` are lists (object arrays, Series, tables of one column) of paths, texts, PIL images,
    `Sound`s, arrays [H, W, 3] or encoded bytes; labels `y` are text, whole numbers or truths.
    Features are kept on disk, so that a grid search or a cross-validation computes them once. A
    fitted one can be pickled, by way of its model's folder.

    Args:
        backbone: a name, or a `Backbone`; None: the one that comes with Topwork for the kind of
            input that `X` holds.
        train: `head`: the network stays frozen; `last:K`, `all` or `scratch`: blocks are trained
            too. Cross-validation is left to scikit-learn, so nothing calibrates those, and `auto`,
            which chooses by it, is `head`.
        head: `kernel`, `linear`, `nearest`, or `mlp:256,128`: hidden layers of so many units.
        class_weight: `none` (or None), or `balanced`.
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
        head: str = "kernel",
        class_weight: ClassWeight | None = "none",
        pools: Sequence[str] | None = None,
        seed: int = 0,
        device: str = "auto",
    ) -> None:
        self.backbone = backbone
        self.train = train
        self.head = head
        self.class_weight = class_weight
        self.pools = pools
        self.seed = seed
        self.device = device

    def fit(
        self, X: Sequence[object], y: Sequence[object], groups: Sequence[object] | None = None
    ) -> TransferClassifier:
        """Train on inputs and their labels; `groups` keep together in the folds inside.

        Raises:
            TooFewError: there is one class only, or one has lost all its examples.
            SettingError: labels are missing or quantities, the numbers of inputs and labels
                differ, or a setting is not accepted.
        """
        inputs, labels = as_inputs(X), as_labels(y)
        if len(inputs) != len(labels):
            raise SettingError(
                f"{len(inputs)} inputs came with {len(labels)} labels; accepted: one for each."
            )
        classes, codes = classes_of(labels)
        if len(classes) < 2:
            raise TooFewError(f"There is only one class, {classes.tolist()}; accepted: 2 or more.")
        if num_features(inputs) is not None:
            self.n_features_in_ = num_features(inputs)
        names = class_names(classes)
        found, backbone = examples_and_backbone(
            inputs, [names[code] for code in codes], groups, backbone=self.backbone,
            call="fit(X, y)",
        )  # fmt: skip
        recipe = Recipe(
            backbone=backbone.name,
            train=self.train,
            head=self.head,
            pools=None if self.pools is None else tuple(self.pools),
            class_weight=self._class_weight(),
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
        inputs = as_inputs(X)
        num, expected = num_features(inputs), getattr(self, "n_features_in_", None)
        if expected is not None and num not in (None, expected):
            raise SettingError(
                f"X has {num} features, but TransferClassifier is expecting {expected} features as "
                "input. Give rows as those that it was fitted on."
            )
        known = self.model_.predict_proba(inputs)
        places = {name: place for place, name in enumerate(class_names(self.classes_))}
        out = np.zeros((len(known), len(self.classes_)))
        out[:, [places[name] for name in self.model_.classes]] = known
        return out

    def predict(self, X: Sequence[object]) -> Shaped[np.ndarray, " n"]:
        """Return the most probable label of each input."""
        best = self.predict_proba(X).argmax(1)
        labels: npt.NDArray[Any] = self.classes_[best]
        return labels

    def _class_weight(self) -> ClassWeight:
        given = self.class_weight
        if given is None or (isinstance(given, str) and given in ("none", "balanced")):
            return given or "none"
        raise SettingError(
            f"class_weight is {given!r}; accepted: 'balanced', or 'none' (None). To weigh one "
            "class more, give more examples of it."
        )

    def __sklearn_tags__(self) -> Tags:
        """What scikit-learn asks: `X` is a list of inputs, or rows of a backbone of arrays."""
        tags = super().__sklearn_tags__()
        arrays = isinstance(self.backbone, Backbone) and self.backbone.modality == "array"
        return say_inputs(tags, arrays=arrays)

    def __getstate__(self) -> dict[str, Any]:
        """The state to pickle; a backbone in memory goes the way of the fitted model's."""
        state = dict(super().__getstate__())
        if isinstance(self.backbone, Backbone) and hasattr(self, "model_"):
            state["backbone"] = _OfModel()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if isinstance(self.backbone, _OfModel):
            self.backbone = self.model_.backbone


@final
class _OfModel:
    """Stands in a pickle for the backbone of the model that is pickled with it."""
