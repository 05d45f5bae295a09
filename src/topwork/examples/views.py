"""Augmented views of any input.

The same example, view and names give the same view anywhere, in any order, on any thread: each name
draws from a generator of its own, seeded by the three. So one name more leaves what the others draw
as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from topwork.core.digests import digest_settings
from topwork.core.shapes import Shaped
from topwork.errors import SettingError
from topwork.examples.arrays.views import ARRAY_AUGMENTATIONS, array_view
from topwork.examples.example import Example, Modality
from topwork.examples.images.preprocessing import ImageInput
from topwork.examples.images.views import IMAGE_AUGMENTATIONS, image_view
from topwork.examples.sounds.preprocessing import SoundInput
from topwork.examples.sounds.views import SOUND_AUGMENTATIONS, sound_view
from topwork.examples.texts.preprocessing import TextInput
from topwork.examples.texts.views import TEXT_AUGMENTATIONS, text_view
from topwork.examples.windows import Input, Window, decode

AUGMENTATIONS: dict[Modality, tuple[str, ...]] = {
    "image": IMAGE_AUGMENTATIONS,
    "sound": SOUND_AUGMENTATIONS,
    "text": TEXT_AUGMENTATIONS,
    "array": ARRAY_AUGMENTATIONS,
}
"""The names accepted for each kind, in the order in which they are applied."""

DEFAULT_AUGMENT: dict[Modality, tuple[str, ...]] = {
    # No flip: the mirror image of a 2, a d or a left hand is another thing, and Topwork cannot know
    # whether yours are such. What a hand that holds the camera does is safe.
    "image": ("zoom", "rotate", "shift", "colour"),
    # What another room and microphone do. Of spectrograms `shift` and `mask` are left. No speed: it
    # moves the pitch, by which voices, instruments and machines are told apart.
    "sound": ("shift", "filter", "noise", "gain", "mask"),
    # A changed word can change the meaning, and nothing is known of what an array's numbers mean.
    "text": (),
    "array": (),
}


@final
@dataclass(frozen=True, kw_only=True)
class ViewSettings:
    """How examples are seen: as they are, and altered in these ways.

    Attributes:
        augment: names of alterations for the views after the first.
        num_views: of each example; the first is the example as it is.
    """

    augment: tuple[str, ...] = ()
    num_views: int = 1


def check_augment(names: Sequence[str], modality: Modality) -> tuple[str, ...]:
    """Return the names in the order in which they are applied, each once.

    Raises SettingError on a name that is not known for this kind of input.
    """
    known = AUGMENTATIONS[modality]
    given = [names] if isinstance(names, str) else list(names)
    unknown = [name for name in given if name not in known]
    if unknown:
        raise SettingError(
            f"augment has {', '.join(map(repr, unknown))}; accepted for {modality}s: "
            f"{', '.join(known)}. Leave out what is not among them; an empty list is none."
        )
    return tuple(name for name in known if name in given)


def check_views(views: ViewSettings, modality: Modality) -> ViewSettings:
    """Return the views with their alterations in the order in which they are applied.

    Raises SettingError on a name that is not known, or views that nothing would alter.
    """
    names, num_views = check_augment(views.augment, modality), views.num_views
    if num_views < 1 or (num_views > 1 and not names):
        raise SettingError(
            f"num_views is {num_views} with augment {list(names)}; accepted: 1, or more where "
            "there is something to alter. Name alterations, or take one view."
        )
    return replace(views, augment=names)


def augmented(
    window: Shaped[np.ndarray, "..."],
    preprocessing: Input,
    names: tuple[str, ...],
    *,
    digest: str,
    view: int,
) -> Shaped[np.ndarray, "..."]:
    """Return another view of one decoded window, of the same shape and dtype.

    Where chance or the input leaves nothing to alter, it is the window itself: do not write to it.

    Args:
        window: as `windows.decode` gives it; it is not changed.
        preprocessing: the form that it was brought into.
        names: of `AUGMENTATIONS`; in whatever order.
        digest: the example's. All windows of one sound get the same gain, filter, and so on.
        view: 0 is the window itself; 1 and above are altered.

    Raises SettingError on a name that is not known for this kind, or a view below 0.
    """
    if view < 0:
        raise SettingError(f"The view is {view}; accepted: 0, which is the input itself, or more.")
    names = check_augment(names, preprocessing.modality)
    if view == 0 or not names:
        return window

    def draw(name: str) -> np.random.Generator:
        return np.random.default_rng(int(digest_settings([digest, view, name])[:32], 16))

    if isinstance(preprocessing, ImageInput):
        return image_view(window, names, draw)
    if isinstance(preprocessing, SoundInput):
        return sound_view(window, preprocessing, names, draw)
    if isinstance(preprocessing, TextInput):
        return text_view(window, preprocessing, draw)
    return array_view(window, names, draw)


def views_of(
    example: Example, views: Sequence[int], preprocessing: Input, augment: tuple[str, ...]
) -> Iterable[Shaped[np.ndarray, "..."]]:
    """Return the windows of the views asked for, view by view, decoded once.

    A list where they are few; else they are made as they are taken.
    """
    windows = decode(example.read(), preprocessing)

    def view_of(view: int, window: Window) -> Window:
        if view == 0:
            return window
        return augmented(window, preprocessing, augment, digest=example.digest, view=view)

    if isinstance(windows, list):
        return [view_of(view, window) for view in views for window in windows]

    def one_by_one() -> Iterator[Window]:
        whole = windows if len(views) == 1 else list(windows)
        for view in views:
            yield from (view_of(view, window) for window in whole)

    return one_by_one()
