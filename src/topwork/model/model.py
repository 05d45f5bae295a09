"""Model that predicts, is scored and saved."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, final, overload

import numpy as np

from topwork.backbones.joined import network_names
from topwork.core.progress import Listener, listening, staged
from topwork.core.shapes import Float64
from topwork.core.telling import warn
from topwork.errors import ExampleError, ModelError
from topwork.evaluation.metrics import Evaluation
from topwork.examples.example import Example
from topwork.examples.inputs import OneInput, dimensions_of, is_one
from topwork.examples.remarks.texts import text_remarks
from topwork.examples.sources import labelled_examples, read_inputs
from topwork.examples.tables.columns import ColumnNames
from topwork.examples.texts.preprocessing import TextInput
from topwork.executors.base import Executor, side_by_side
from topwork.executors.choose import open_executors
from topwork.heads.ood import rate_of
from topwork.model.archive import read_model, write_model
from topwork.model.in_a_line import in_a_line
from topwork.model.packed import Packed, pack, unpack
from topwork.model.parts import ModelParts
from topwork.model.prediction_list import PredictionList
from topwork.model.predictions import Prediction
from topwork.model.scoring import score
from topwork.model.streaming import stream_predictions
from topwork.model.thresholds import decided
from topwork.model.timeline import Moment, moments, window_of


def load(folder: str | Path, *, device: str = "auto") -> Model:
    """Read a model back. Loads no torch where a compiled form is there and the device is a CPU.

    Args:
        folder: that `model.save` or `topwork train --out` wrote.
        device: `auto`, `cpu`, `cuda`, `mps`, `openvino` or `torch`.

    Raises:
        ModelError: it is missing, truncated, edited, of another program or a later version.
        BackboneError: it was saved without its backbone, and that cannot be found here.

    >>> import topwork
    >>> from sklearn.datasets import load_digits
    >>> digits = load_digits(n_class=3)
    >>> pictures = [(15 * image).astype("uint8") for image in digits.images[:60]]
    >>> labels = digits.target[:60].tolist()
    >>> _ = topwork.train(pictures, labels, train="head", out="digits")
    >>> topwork.load("digits").predict(pictures[1]).label
    '1'
    """
    return Model(read_model(Path(folder)), device=device)


@final
class Model:
    """A trained model. Made by `topwork.train` and `topwork.load`.

    Its parts (`classes`, `backbone`, `evaluation`, `test`, `data`, `recipe`, `notes`, `selection`,
    ...) are those of `ModelParts`, under the same names.

    >>> import topwork
    >>> from sklearn.datasets import load_digits
    >>> digits = load_digits(n_class=3)
    >>> pictures = [(15 * image).astype("uint8") for image in digits.images[:60]]
    >>> labels = digits.target[:60].tolist()
    >>> model = topwork.train(pictures, labels, train="head")
    >>> model.classes
    ('0', '1', '2')
    >>> model.predict(pictures[0]).label
    '0'
    >>> model.predict_proba(pictures[:2]).shape
    (2, 3)
    """

    def __init__(self, parts: ModelParts, *, device: str = "auto") -> None:
        self.parts = parts
        self.head = parts.head
        self.classes = parts.classes
        self.backbone = parts.backbone
        self.pools = parts.pools
        self.blocks = parts.blocks
        self.evaluation = parts.evaluation
        self.test = parts.test
        self.data = parts.data
        self.recipe = parts.recipe
        self.notes = parts.notes
        self.selection = parts.selection
        self.oof_predictions = parts.oof_predictions
        self.test_predictions = parts.test_predictions
        self.detector = parts.detector
        self.ood = parts.ood
        self.decision = parts.decision
        self.device = device
        self._executors: tuple[Executor, ...] | None = None
        self._lock = threading.Lock()  # two threads must not open two executors

    def __repr__(self) -> str:
        return in_a_line(self.parts)

    def __reduce__(self) -> tuple[Callable[[Packed, str], Model], tuple[Packed, str]]:
        """Pickle it as the bytes of its folder, which are checked when they are read back."""
        return _unpacked, (pack(self.parts), self.device)

    @overload
    def predict(
        self,
        inputs: OneInput,
        *,
        reject: float | None = None,
        input_column: str | None = None,
        on_progress: Listener | None = None,
    ) -> Prediction: ...
    @overload
    def predict(
        self,
        inputs: list[Any] | tuple[Any, ...],
        *,
        reject: float | None = None,
        input_column: str | None = None,
        on_progress: Listener | None = None,
    ) -> PredictionList: ...
    @overload
    def predict(
        self,
        inputs: object,
        *,
        reject: float | None = None,
        input_column: str | None = None,
        on_progress: Listener | None = None,
    ) -> Any: ...
    def predict(
        self,
        inputs: object,
        *,
        reject: float | None = None,
        input_column: str | None = None,
        on_progress: Listener | None = None,
    ) -> Prediction | PredictionList:
        """Return label and probabilities of every input, in their order.

        Args:
            inputs: what the model was trained on: paths, PIL images, arrays [H, W, 3], encoded
                bytes; sounds (`Sound`); texts as they are (a file of one is a `pathlib.Path`);
                arrays. One alone gives one `Prediction`, many a list with `to_frame()`. A folder
                stands for all inputs below it, sorted; a table, also a DataFrame or a
                `datasets.Dataset`, for its rows. One that cannot be read has an `error` in place of
                a label.
            reject: the share of the model's own examples that may be called `unknown` by mistake
                (0.05: one in twenty), so that what belongs to no class is called so, too; the
                model's `ood` says how much of that to expect. None: nothing is called so.
            input_column: of a table; by default that of the training, or of a usual name.

        Type checkers take a str for one input; what a `Path` stands for is known when it is read.

        Raises:
            SettingError: an input is of another type, or the rate cannot be kept.
            SourceError: a path is not there.
        """
        with listening(on_progress):
            examples = self.read(inputs, input_column=input_column)
            predictions = PredictionList(self.stream(examples, reject=reject), source=inputs)
        preprocessing = self.backbone.input
        array_ndim = dimensions_of(preprocessing)
        one = is_one(inputs, modality=preprocessing.modality, array_ndim=array_ndim)
        return predictions[0] if one else predictions

    def read(self, inputs: object, *, input_column: str | None = None) -> list[Example]:
        """Return the inputs as examples of the model's modality. Raises as `predict` does."""
        preprocessing = self.backbone.input
        examples = read_inputs(
            inputs,
            modality=preprocessing.modality,
            input_column=input_column,
            earlier=self.recipe.columns,
            array_ndim=dimensions_of(preprocessing),
        )
        if isinstance(preprocessing, TextInput):
            warn(text_remarks(examples, preprocessing))
        return examples

    def predict_proba(self, inputs: object) -> Float64[np.ndarray, "n k"]:
        """Return probabilities [N, K] in the order of `classes`.

        Raises:
            ExampleError: an input cannot be read.
        """
        rows = []
        for prediction in self.stream(self.read(inputs)):
            if prediction.error is not None:
                raise ExampleError(f"{prediction.name}: {prediction.error}")
            rows.append([prediction.probabilities[name] for name in self.classes])
        return np.array(rows, np.float64).reshape(len(rows), len(self.classes))

    def stream(
        self, examples: Iterable[Example], *, reject: float | None = None
    ) -> Iterator[Prediction]:
        """Yield predictions as they are made, in order; memory does not grow with the inputs."""
        rate, report = rate_of(self.detector, reject), staged("predict")
        return stream_predictions(self.parts, self._opened(), examples, reject=rate, report=report)

    def evaluate(
        self,
        data: object,
        labels: Sequence[object] | None = None,
        *,
        groups: Sequence[object] | str | Path | None = None,
        include_known: bool = False,
        positive: str | None = None,
        on_progress: Listener | None = None,
        **columns: Any,
    ) -> Evaluation:
        """Return the scores on labelled examples that the model was not trained on.

        Args:
            data: a folder or table as for `train` (of one with a test part, that part alone), or
                a list of inputs together with their `labels`.
            groups: as for `train`; the intervals mind them.
            include_known: score those, too, that the model was trained on. It knows their
                answers; without this they are left out, and counted in `skipped`.
            positive: of two classes, the one that is looked for; None: that of the model.
            columns: of a table: input_column, label_column, group_column, ...

        Raises:
            DataError: nothing in it can be used, it has classes that the model does not know, or
                the model was trained on all of it.
            SettingError: a list of inputs came without labels, or there is no such class.
        """
        with listening(on_progress):
            found = labelled_examples(
                data,
                labels,
                groups,
                columns=ColumnNames(**columns, earlier=self.recipe.columns),
                modality=self.backbone.modality,
                call="evaluate(inputs, labels)",
            )
            return score(
                self.parts,
                found,
                device=self.device,
                include_known=include_known,
                positive=positive,
            )

    def with_threshold(
        self,
        threshold: float | None = None,
        *,
        sensitivity: float | None = None,
        positive: str | None = None,
    ) -> Model:
        """Return a model of two classes that names one of them from another probability on.

        `decision` then says from which, and what that gives on examples that were left out of the
        training. The scores in `evaluation` and `test` stay those of the more probable class.

        Args:
            threshold: a probability; None, without a sensitivity: the more probable class is named.
            sensitivity: the share of its examples to find: the threshold is chosen on answers to
                examples that were left out.
            positive: the class that is looked for; None: as before, which is the rarer at first.

        Raises:
            SettingError: there are other than two classes, or a value is not accepted.
        """
        parts = decided(self.parts, threshold, sensitivity=sensitivity, positive=positive)
        return Model(parts, device=self.device)

    def save(self, out: str | Path, *, overwrite: bool = False, weights: bool = True) -> Path:
        """Write the model to a folder, whole or not at all, and return the folder.

        Args:
            overwrite: put it in the place of a model that is there (of nothing else).
            weights: with the backbone, so that it works anywhere, offline; without it the folder
                is small, and the backbone is found by its name, and its digest checked, at loading.

        Raises:
            ModelError: the folder is not empty.
            StoreError: the disk is full, or the place cannot be written to.
        """
        return write_model(self.parts, Path(out), overwrite=overwrite, weights=weights)

    def timeline(
        self,
        source: object,
        *,
        window_seconds: float | None = None,
        step_seconds: float | None = None,
    ) -> list[Moment]:
        """Return what is to be heard in a long recording, from its start to its end without gaps.

        Args:
            source: one recording: a path, bytes, a `SoundFile` or a `Sound`.
            window_seconds: how much is listened to at a time; None: the median length of the
                sounds that the model was trained on.
            step_seconds: how far the window moves; None: a quarter of it.

        Raises:
            ModalityError: the model is not one of sounds.
            SettingError: a length is too short, or the step is longer than the window.
            ExampleError: the recording cannot be read.
        """
        preprocessing = self.backbone.input
        window = window_of(preprocessing, self.data.typical_seconds, window_seconds, step_seconds)
        (example,) = self.read([source])
        return list(moments(example, window, self.stream))

    def _opened(self) -> tuple[Executor, ...]:
        with self._lock:
            if self._executors is None:
                found = open_executors(self.backbone, pools=self.pools, device=self.device)
                names = network_names(self.backbone)
                segments = side_by_side(names, [executor.segments for executor in found])
                if segments != self.head.segments:
                    raise ModelError(
                        f"The backbone {self.backbone.name!r} gives other features than those that "
                        "this model was trained on. Train it anew with this version of Topwork."
                    )
                self._executors = found
            return self._executors


def _unpacked(packed: Packed, device: str) -> Model:
    return Model(unpack(packed), device=device)
