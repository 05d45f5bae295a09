"""All remarks on a data set."""

from __future__ import annotations

from topwork.examples.example import ExampleSet
from topwork.examples.images.preprocessing import ImageInput
from topwork.examples.remarks.images import image_remarks
from topwork.examples.remarks.labels import label_remarks
from topwork.examples.remarks.sounds import sound_remarks
from topwork.examples.remarks.texts import text_remarks
from topwork.examples.sounds.preprocessing import SoundInput
from topwork.examples.texts.preprocessing import TextInput
from topwork.examples.windows import Input


def data_remarks(found: ExampleSet, preprocessing: Input | None = None) -> list[str]:
    """Return what looks like a mistake, in sentences; what a backbone takes, if one is known."""
    remarks = label_remarks(found.of_split("train", None, "validation"))
    if isinstance(preprocessing, ImageInput):
        remarks += image_remarks(found.examples, preprocessing)
    if isinstance(preprocessing, SoundInput):
        remarks += sound_remarks(found.examples, preprocessing)
    if isinstance(preprocessing, TextInput):
        remarks += text_remarks(found.examples, preprocessing)
    return remarks
