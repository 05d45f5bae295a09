"""Features as a scikit-learn transformer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from topwork.backbones.base import Backbone
from topwork.backbones.registry import get_backbone
from topwork.core.options import RunOptions
from topwork.core.shapes import Float32
from topwork.errors import BackboneError, SettingError
from topwork.examples.scikit_inputs import as_inputs, num_features, say_inputs
from topwork.runs.embed import USUAL_POOLS, Embeddings, checked_pools, embed_examples
from topwork.runs.source import inputs_and_backbone

if TYPE_CHECKING:
    from sklearn.utils import Tags


@final
class TransferFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turns images, sounds, texts or arrays into numbers, with a pre-trained network.

    Inputs `X` are lists (object arrays, Series, tables of one column) of paths, texts, PIL images,
    `Sound`s, arrays [H, W, 3] or encoded bytes. What was computed is kept on disk, so that a
    cross-validation or a grid search around a pipeline computes each input once. A fitted one can
    be pickled where a name finds its backbone; one of a module in memory cannot.

    Args:
        backbone: a name, or a `Backbone`; None: the one that comes with Topwork for the kind of
            input that `X` holds.
        pools: how blocks become numbers: any of mean, std, max, grid3, prefix, last; or `["all"]`.
        device: where features are computed.

    Attributes:
        backbone_: the `Backbone` that is used.
        n_features_out_: how many numbers each input becomes.

    >>> import topwork
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> texts = ["a good day", "a fine day", "a bad day", "an awful day"]
    >>> pipeline = make_pipeline(
    ...     topwork.TransferFeatures(), StandardScaler(), LogisticRegression()
    ... )
    >>> pipeline.fit(texts, [1, 1, 0, 0]).predict(["a good day"]).tolist()
    [1]
    """

    def __init__(
        self,
        backbone: str | Backbone | None = None,
        *,
        pools: Sequence[str] = USUAL_POOLS,
        device: str = "auto",
    ) -> None:
        self.backbone = backbone
        self.pools = pools
        self.device = device

    def fit(self, X: Sequence[object], y: object = None) -> TransferFeatures:
        """Choose the backbone by the kind of input, and find out how many numbers it gives.

        Raises:
            ExampleError: the first input cannot be read.
            SettingError: there is none, an input is of another type, or a setting is not accepted.
        """
        checked_pools(self.pools, "pools")
        inputs = as_inputs(X)
        if not inputs:
            raise SettingError(
                "X holds no inputs: Found array with 0 sample(s) while a minimum of 1 is required. "
                "Give one or more."
            )
        if num_features(inputs) is not None:
            self.n_features_in_ = num_features(inputs)
        _, self.backbone_ = inputs_and_backbone(inputs, backbone=self.backbone)
        self._columns = np.asarray(self._embed(inputs[:1]).columns, object)
        self.n_features_out_ = len(self._columns)
        return self

    def transform(self, X: Sequence[object]) -> Float32[np.ndarray, "n width"]:
        """Return the features, float32 [len(X), n_features_out_].

        Raises:
            ExampleError: an input cannot be read.
            SettingError: an input is of another type, or has another number of features.
        """
        check_is_fitted(self)
        inputs = as_inputs(X)
        num, expected = num_features(inputs), getattr(self, "n_features_in_", None)
        if expected is not None and num not in (None, expected):
            raise SettingError(
                f"X has {num} features, but TransferFeatures is expecting {expected} features as "
                "input. Give rows as those that it was fitted on."
            )
        if not inputs:
            return np.empty((0, self.n_features_out_), np.float32)
        return self._embed(inputs).to_numpy()

    def get_feature_names_out(self, input_features: object = None) -> npt.NDArray[Any]:
        """Return what each number is, `block/pool/place`; `input_features` are not used."""
        check_is_fitted(self)
        return self._columns

    def _embed(self, inputs: Sequence[object]) -> Embeddings:
        pools = checked_pools(self.pools, "pools")
        examples, _ = inputs_and_backbone(inputs, backbone=self.backbone_)
        options = RunOptions(device=self.device, strict=True)
        return embed_examples(examples, self.backbone_, pools, options, origin="X")

    def __sklearn_tags__(self) -> Tags:
        """What scikit-learn asks: `X` is a list of inputs, or rows of a backbone of arrays."""
        tags = super().__sklearn_tags__()
        tags.requires_fit = True
        tags.target_tags.required = False
        tags.transformer_tags.preserves_dtype = []  # features are float32, whatever goes in
        return say_inputs(
            tags, arrays=isinstance(self.backbone, Backbone) and self.backbone.modality == "array"
        )

    def __getstate__(self) -> dict[str, Any]:
        """The state to pickle; of a backbone that a name finds, the name."""
        state = dict(super().__getstate__())
        chosen = state.get("backbone_")
        if isinstance(chosen, Backbone) and _is_named(chosen):
            state["backbone_"] = chosen.name
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if isinstance(state.get("backbone_"), str):
            self.backbone_ = get_backbone(state["backbone_"])


def _is_named(backbone: Backbone) -> bool:
    try:
        return get_backbone(backbone.name).digest == backbone.digest
    except (BackboneError, SettingError):  # of a network in memory
        return False
