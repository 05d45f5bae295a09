"""Any content as a backbone's windows.

An image or array is one window, a short sound or text too; a long one is several, whose features
are joined (executors/join.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from topwork.core.shapes import Shaped
from topwork.errors import SettingError
from topwork.examples.arrays.array import decode_array
from topwork.examples.arrays.preprocessing import ArrayInput
from topwork.examples.images.decode import decode_image
from topwork.examples.images.preprocessing import ImageInput
from topwork.examples.sounds.preprocessing import SoundInput
from topwork.examples.sounds.sound import sound_windows
from topwork.examples.texts.preprocessing import TOKENIZER, TextInput
from topwork.examples.texts.tokens import text_windows

Input = ImageInput | SoundInput | TextInput | ArrayInput
Window = npt.NDArray[Any]
"""uint8 [S, S, 3] of an image; float32 [T] (or as its extractor gives it) of a sound; int64 [L] of
a text; float32 of the input's shape of an array."""


def decode(content: object, preprocessing: Input) -> Iterable[Shaped[np.ndarray, "..."]]:
    """Return the windows of one example, at least one, in their order.

    A list where it is short; for a long sound they are made as they are taken, so that hours of it
    never lie in memory. Raises ExampleError, at once or while they are taken, where the content
    cannot be used.
    """
    if isinstance(preprocessing, ImageInput):
        return [decode_image(content, preprocessing)]
    if isinstance(preprocessing, SoundInput):
        return sound_windows(content, preprocessing)
    if isinstance(preprocessing, TextInput):
        return text_windows(content, preprocessing)
    return [decode_array(content, preprocessing)]


def input_from(settings: Mapping[str, Any], folder: Path | None = None) -> Input:
    """Read what an input's `settings` gave; a text's tokenizer lies in the folder.

    Raises SettingError on settings that are not known.
    """
    modality = settings.get("modality")
    if modality == "image":
        return ImageInput.from_settings(settings)
    if modality == "sound":
        return SoundInput.from_settings(settings)
    if modality == "array":
        return ArrayInput.from_settings(settings)
    if modality == "text":
        if folder is None:
            raise SettingError(
                f"A text's settings need the folder of its {TOKENIZER}. Give it as `folder`."
            )
        return TextInput.from_settings(settings, folder / TOKENIZER)
    raise SettingError(
        f"The input's modality is {modality!r}; accepted: image, sound, text, array."
    )
