"""A backbone, a head and the names of the classes: ready to predict, to be judged, to be saved.

What it does not know: how it was trained (pipeline.py), and how it lies on disk (archive.py).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, final

import numpy as np
import numpy.typing as npt

from topwork.backbones.base import Backbone
from topwork.errors import DataError, ExampleError, ModalityError, ModelError, SettingError
from topwork.evaluation.metrics import Evaluation, evaluate
from topwork.evaluation.ood_scores import ForeignScores
from topwork.examples.example import Example, ExampleSet, Skipped
from topwork.examples.inputs import is_one
from topwork.examples.sources import examples_from, read_examples, read_inputs
from topwork.executors.base import Executor
from topwork.features.extract import extract, stream_features
from topwork.heads.base import Head
from topwork.heads.ood import Detector, rate_of
from topwork.model.predictions import Answers, DataCounts, Prediction, read_predictions
from topwork.recipe import Recipe
from topwork.training.selection import Choice

if TYPE_CHECKING:
    from topwork.model.timeline import Moment

Progress = Callable[[str, int, int], None]
"""Called with the name of a stage, how much of it is done, and how much there is."""

CHUNK = 256
"""Inputs whose features are held at a time while predicting."""


@final
class Model:
    """A trained model. Made by `topwork.train` and `topwork.load`.

    Attributes:
        classes: names of the labels, in the order of all probabilities.
        backbone: what was transferred.
        evaluation: cross-validated scores; None where there were too few examples for any.
        test: scores on the source's own test part; None where it has none.
        data: what it was trained on, in numbers.
        recipe: the settings that make it again.
        notes: what a person should know of this run, in sentences.
        choice: what was trained (the head, blocks too), what else was tried, and why.
        left_out: what was said of the training examples in cross-validation; None without one.
        tested: what the model says of the source's own test part; None where it has none.
        detector: tells how foreign an input is; None where too few examples could be left out.
        foreign: how well it does, measured; None where nothing foreign was at hand.
    """

    def __init__(
        self,
        *,
        head: Head,
        classes: Sequence[str],
        backbone: Backbone,
        pools: Sequence[str],
        evaluation: Evaluation | None,
        test: Evaluation | None,
        data: DataCounts,
        recipe: Recipe,
        notes: Sequence[str] = (),
        choice: Choice | None = None,
        left_out: Answers | None = None,
        tested: Answers | None = None,
        detector: Detector | None = None,
        foreign: ForeignScores | None = None,
        open_executor: Callable[[], Executor],
        device: str = "auto",
    ) -> None:
        self.head = head
        self.classes = tuple(classes)
        self.backbone = backbone
        self.pools = tuple(pools)
        self.evaluation = evaluation
        self.test = test
        self.data = data
        self.recipe = recipe
        self.notes = tuple(notes)
        self.choice = choice or Choice(way="head")
        self.left_out = left_out
        self.tested = tested
        self.detector = detector
        self.foreign = foreign
        self.device = device
        self._open_executor = open_executor
        self._executor: Executor | None = None
        self._lock = threading.Lock()  # two threads must not open two executors

    @property
    def blocks(self) -> tuple[str, ...]:
        """All blocks of the backbone, in order; the head uses `head.blocks` of them."""
        return tuple(dict.fromkeys(segment.block for segment in self.head.segments))

    def predict(
        self,
        inputs: object,
        *,
        reject: float | None = None,
        on_progress: Progress | None = None,
    ) -> Prediction | list[Prediction]:
        """Return label and probabilities of every input, in their order.

        Args:
            inputs: what the model was trained on: paths, PIL images, arrays [H, W, 3], encoded
                bytes; sounds (`Sound`); texts as they are (a file of one is a `pathlib.Path`);
                arrays. One alone gives one `Prediction`, many a list. A folder stands for all
                inputs below it, sorted, and a table for its rows. One that cannot be read has an
                `error` in place of a label.
            reject: the share of the model's own examples that may be labelled `neither` by
                mistake (0.05: one in twenty), so that what belongs to no class is labelled so too;
                `foreign` says how much of that to expect. None: every input gets a class.

        Raises:
            SettingError: an input is of another type, or the rate cannot be kept.
            SourceError: a path is not there.
        """
        examples = self.read(inputs)
        predictions = list(self.stream(examples, reject=reject, on_progress=on_progress))
        one = is_one(inputs, modality=self.backbone.modality, array_ndim=self._array_ndim)
        return predictions[0] if one else predictions

    def read(self, inputs: object, *, input_column: str | None = None) -> list[Example]:
        """Return the inputs as examples of the model's modality. Raises as `predict` does."""
        return read_inputs(
            inputs,
            modality=self.backbone.modality,
            input_column=input_column,
            array_ndim=self._array_ndim,
        )

    @property
    def _array_ndim(self) -> int | None:
        """Dimensions of one input, where it is an array."""
        spec = self.backbone.input
        return len(spec.shape) if spec.modality == "array" else None

    def predict_proba(self, inputs: object) -> npt.NDArray[np.float64]:
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
        self,
        examples: Iterable[Example],
        *,
        reject: float | None = None,
        on_progress: Progress | None = None,
    ) -> Iterator[Prediction]:
        """Yield predictions as they are made, in order; memory does not grow with the inputs."""
        return self._stream(examples, rate_of(self.detector, reject), on_progress)

    def _stream(
        self, examples: Iterable[Example], rate: float | None, on_progress: Progress | None
    ) -> Iterator[Prediction]:
        total = len(examples) if isinstance(examples, Sequence) else 0
        names: deque[str] = deque()

        def named() -> Iterator[Example]:
            for example in examples:
                names.append(example.name)
                yield example

        executor = self._opened()
        made = partial(read_predictions, head=self.head, classes=self.classes,
                       detector=self.detector, reject=rate)  # fmt: skip
        waiting: list[tuple[str, npt.NDArray[np.float32] | Skipped]] = []
        done = 0
        for _, result in stream_features(named(), executor, self.backbone.input):
            waiting.append((names.popleft(), result))
            if len(waiting) == CHUNK:
                yield from made(waiting)
                done += len(waiting)
                waiting.clear()
                if on_progress is not None:
                    on_progress("predict", done, total)
        yield from made(waiting)
        if on_progress is not None:
            on_progress("predict", done + len(waiting), total)

    def evaluate(
        self,
        data: object,
        labels: Sequence[object] | None = None,
        *,
        input_column: str | None = None,
        label_column: str | None = None,
        group_column: str | None = None,
        on_progress: Progress | None = None,
    ) -> Evaluation:
        """Return the scores on labelled examples that the model was not trained on.

        Args:
            data: a folder or table as for `train` (of one with a test part, that part alone), or
                a list of inputs together with their `labels`.

        Raises:
            DataError: nothing in it can be used, or it has classes that the model does not know.
            SettingError: a list of inputs came without labels.
        """
        if labels is not None:
            found = examples_from(
                data,  # type: ignore[arg-type]
                labels,
                modality=self.backbone.modality,
            )
        elif not isinstance(data, str | Path):
            raise SettingError(
                f"The data is a {type(data).__name__} without labels. Give a folder or table by "
                "its path, or the labels of these inputs as well: evaluate(inputs, labels)."
            )
        else:
            found = read_examples(
                data,
                modality=self.backbone.modality,
                input_column=input_column,
                label_column=label_column,
                group_column=group_column,
            )
        return self.evaluate_examples(found, on_progress=on_progress)

    def evaluate_examples(
        self, found: ExampleSet, *, on_progress: Progress | None = None
    ) -> Evaluation:
        """Return the scores on examples that were read already."""
        check_modality(found, self.backbone)
        examples = found.of_split("test") or tuple(found.examples)
        unknown = sorted({e.label or "" for e in examples} - set(self.classes))
        if unknown:
            raise DataError(
                f"{found.origin!r} has {len(unknown)} classes that the model does not know: "
                f"{', '.join(unknown[:10])}. It knows: {', '.join(self.classes[:20])}. Rename "
                "or remove these, or train a model that has them."
            )
        extraction = extract(
            examples,
            self.backbone,
            pools=self.pools,
            device=self.device,
            on_progress=staged(on_progress, "features"),
        )
        if not extraction.examples:
            raise DataError(
                f"None of the {len(examples)} {found.modality}s of {found.origin!r} can be read; "
                f"the first: {extraction.skipped[0].name}: {extraction.skipped[0].reason}."
            )
        truth = np.array([self.classes.index(e.label or "") for e in extraction.examples], np.intp)
        groups = [e.group for e in extraction.examples]
        return evaluate(
            self.head.predict(extraction.table),
            truth,
            self.classes,
            method=f"{len(truth)} examples of {found.origin}",
            groups=groups,
            skipped=(*found.skipped, *extraction.skipped),
        )

    def save(self, out: str | Path, *, overwrite: bool = False, weights: bool = True) -> Path:
        """Write the model to a folder, whole or not at all; see `archive.save`."""
        from topwork.model.archive import save

        return save(self, Path(out), overwrite=overwrite, weights=weights)

    def report(
        self,
        out: str | Path,
        *,
        data: str | Path | None = None,
        control: str | float | None = None,
        on_progress: Progress | None = None,
    ) -> Path:
        """Write all that is known of the model as one HTML page; see `make_report`."""
        # By its name, for the report stands on the model, and imports this file.
        make = import_module("topwork.report.assemble").make_report
        made = make(self, Path(out), data=data, control=control, on_progress=on_progress)
        return Path(made.path)

    def timeline(self, source: object, **options: float) -> list[Moment]:
        """Say what is to be heard when in a long recording; see `timeline.timeline`."""
        from topwork.model.timeline import timeline

        return list(timeline(self, source, **options))

    def _opened(self) -> Executor:
        with self._lock:
            if self._executor is not None:
                return self._executor
            executor = self._open_executor()
            if tuple(executor.segments) != self.head.segments:
                raise ModelError(
                    f"The backbone {self.backbone.name!r} gives other features than those that "
                    "this model was trained on. Train it anew with this version of Topwork."
                )
            self._executor = executor
        return self._executor


def staged(progress: Progress | None, stage: str) -> Callable[[int, int], None]:
    """Return a callable that reports the progress of one stage."""
    return lambda done, total: None if progress is None else progress(stage, done, total)


def check_modality(found: ExampleSet, backbone: Backbone) -> None:
    """Raise ModalityError where a backbone takes another kind of input than the data holds."""
    if found.modality == backbone.modality:
        return
    raise ModalityError(
        f"{found.origin!r} holds {found.modality}s, and the backbone {backbone.name!r} takes "
        f"{backbone.modality}s: what a network has learned from {backbone.modality}s does not help "
        f"with {found.modality}s. Leave the backbone out, or take one for {found.modality}s "
        "(`topwork backbones` lists them)."
    )
