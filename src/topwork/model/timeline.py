"""Labels over time in a long recording.

A window as long as the sounds that the model was trained on moves over the recording; each moment
gets the probabilities of the window whose middle it is nearest to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import final

from topwork.errors import ExampleError, ModalityError, SettingError
from topwork.examples.example import Example
from topwork.examples.sounds.durations import sound_seconds
from topwork.examples.sounds.preprocessing import SoundInput
from topwork.examples.sounds.sound import Sound, sound_windows
from topwork.examples.windows import Input
from topwork.model.predictions import Prediction

STEPS = 4
"""Windows that cover each moment, if nothing else is asked for."""

MIN_WINDOW_SECONDS = 0.05


@final
@dataclass(frozen=True, kw_only=True)
class Moment:
    """A stretch of a recording with one label.

    Attributes:
        probability: of the label, its mean over the stretch.

    >>> import topwork
    >>> topwork.Moment(start_seconds=0.0, end_seconds=1.5, label="alexa", probability=0.97).label
    'alexa'
    """

    start_seconds: float
    end_seconds: float
    label: str
    probability: float


@final
@dataclass(frozen=True, kw_only=True)
class Window:
    """What moves over a recording: `size` samples, by `step` samples at a time."""

    rate_hz: int
    size: int
    step: int


def window_of(
    preprocessing: Input,
    typical_seconds: float | None,
    window_seconds: float | None,
    step_seconds: float | None,
) -> Window:
    """Return the window of a model's timelines.

    Args:
        preprocessing: of the model's backbone.
        typical_seconds: the median length of the sounds that the model was trained on.
        window_seconds, step_seconds: as the user said; None: the typical length, a quarter of it.

    Raises:
        ModalityError: the model is not one of sounds.
        SettingError: a length is too short, or the step is longer than the window.
    """
    if not isinstance(preprocessing, SoundInput):
        raise ModalityError(
            f"A timeline is made of sounds, and this model takes {preprocessing.modality}s. Leave "
            "the timeline out, or train a model on sounds."
        )
    rate_hz = preprocessing.rate_hz
    window = window_seconds or typical_seconds or preprocessing.min_samples / rate_hz
    window = max(window, MIN_WINDOW_SECONDS) if window_seconds is None else window
    step = window / STEPS if step_seconds is None else step_seconds
    if not window >= MIN_WINDOW_SECONDS or not 1 / rate_hz <= step <= window:
        raise SettingError(
            f"The timeline's window is {window:g} s and its step {step:g} s; accepted: a window of "
            f"{MIN_WINDOW_SECONDS} s or more, and a step above 0 and no longer than the window."
        )
    return Window(rate_hz=rate_hz, size=round(window * rate_hz), step=max(1, round(step * rate_hz)))


def moments(
    example: Example,
    window: Window,
    predict: Callable[[Iterable[Example]], Iterator[Prediction]],
) -> Iterator[Moment]:
    """Yield what is to be heard, from the recording's start to its end without gaps.

    Memory does not grow with its length. Raises ExampleError where it cannot be read.
    """
    stretches = _stretches(example, window, predict)
    for label, own in groupby(stretches, key=lambda stretch: stretch[2].label):
        start = end = area = 0.0
        for number, (begin, stop, prediction) in enumerate(own):
            start = begin if number == 0 else start
            area += (stop - begin) * prediction.probability
            end = stop
        yield Moment(
            start_seconds=start,
            end_seconds=end,
            label=label or "",
            probability=area / max(end - start, 1e-9),
        )


def _stretches(
    example: Example,
    window: Window,
    predict: Callable[[Iterable[Example]], Iterator[Prediction]],
) -> Iterator[tuple[float, float, Prediction]]:
    """Yield start, end and prediction of each step of the window."""
    size, hop, rate_hz = window.size, window.step, window.rate_hz
    plain = SoundInput(
        rate_hz=rate_hz, min_samples=size, max_samples=size, overlap_samples=size - hop
    )
    whole = sound_seconds(example.read())
    length = 0.0

    def parts() -> Iterator[Example]:
        nonlocal length
        for number, samples in enumerate(sound_windows(example.read(), plain)):
            sound = Sound(samples=samples, rate_hz=rate_hz)
            begin, length = number * hop / rate_hz, (number * hop + size) / rate_hz
            if whole is not None and begin < whole < length:
                length = whole  # the last window is filled up with silence beyond the end
            yield replace(example, read=partial(_same, sound))

    previous: Prediction | None = None
    start, number = 0.0, 0
    for number, prediction in enumerate(predict(parts())):
        if prediction.error is not None:
            raise ExampleError(f"{prediction.name}: {prediction.error}")
        if previous is not None:
            end = ((number - 0.5) * hop + size / 2) / rate_hz
            yield start, end, previous
            start = end
        previous = prediction
    if previous is not None:
        yield start, max(length, start), previous


def _same(sound: Sound) -> object:
    return sound
