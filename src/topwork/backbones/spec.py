"""Backbone names with options."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from topwork.backbones.base import Precision
from topwork.errors import SettingError
from topwork.examples.example import Modality

OPTIONS = {
    "pretrained": "true or false",
    "seed": "a whole number, with pretrained=false",
    "size": "pixels on each side",
    "resize": "squash, crop or pad",
    "bits": "8 to 16, which pictures of 16 bits use",
    "max_tokens": "a whole number, 8 or more",
    "prompt": "what is put in front of every text",
    "precision": "f32 or bf16",
    "stem": "small (for pictures of up to 64 px) or full, with pretrained=false",
    "shape": "of an array, such as 3x128",
}

FORMS = {
    "pretrained": "(?i:true|false)",
    "seed": "[0-9]+",
    "size": "[0-9]+",
    "bits": "[89]|1[0-6]",
    "max_tokens": "[0-9]+",
    "precision": "f32|bf16",
    "stem": "small|full",
    "shape": "[0-9]+(x[0-9]+)*",
}
"""How the values are written, where not any text will do."""

OPTION_OF = {
    "size": "image",
    "resize": "image",
    "bits": "image",
    "stem": "image",
    "max_tokens": "text",
    "prompt": "text",
    "shape": "array",
}
"""The modality of the backbones that have an option, where not all have."""


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A backbone as the user named it.

    Attributes:
        base: the name before the options.
        pretrained: False for random weights, made from `seed`.
        size: pixels on each side; None for what the backbone was published with.
        resize: how a picture is brought to the square; None for the default.
        bits: that pictures of 16 bits use; None for all of them.
        max_tokens: of a window of text; None for what the backbone was published with.
        prompt: what is put in front of every text; None for what it was published with.
        precision: of the arithmetic on a CPU; None for the backbone's own.
        stem: `small` for a ResNet that begins with a 3x3 convolution, without a stride and without
            a pooling, so that of a small picture nothing is thrown away; None or `full` for the
            published one.
        shape: of an array, without the batch, where the network depends on it.
    """

    base: str
    pretrained: bool = True
    seed: int = 0
    size: int | None = None
    resize: str | None = None
    bits: int | None = None
    max_tokens: int | None = None
    prompt: str | None = None
    precision: Precision | None = None
    stem: str | None = None
    shape: tuple[int, ...] | None = None

    def __str__(self) -> str:
        """The one way to write it: options that say nothing are left out."""
        options = []
        if not self.pretrained:
            options.append("pretrained=false")
            if self.seed:
                options.append(f"seed={self.seed}")
        for key in ("stem", "size", "resize", "bits", "max_tokens", "prompt", "precision"):
            if getattr(self, key) is not None:
                options.append(f"{key}={getattr(self, key)}")
        if self.shape is not None:
            options.append(f"shape={'x'.join(map(str, self.shape))}")
        return self.base + ("?" + "&".join(options) if options else "")

    def check_options(self, modality: Modality) -> None:
        """Raise SettingError where an option is given that backbones of this kind have not."""
        for key, owner in OPTION_OF.items():
            if getattr(self, key) is not None and owner != modality:
                raise SettingError(
                    f"The backbone {self.base!r} takes {modality}s, and the option {key} is for "
                    f"{owner}s. Remove it."
                )


def parse_spec(text: str) -> Spec:
    """Read a name and its options. Raises SettingError on an option or value not accepted."""
    base, _, query = text.partition("?")
    given: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        key, _, value = part.partition("=")
        if key not in OPTIONS:
            accepted = "; ".join(f"{name}= {meaning}" for name, meaning in OPTIONS.items())
            raise SettingError(
                f"The backbone {text!r} has an option {key!r}; accepted: {accepted}. Remove it."
            )
        given[key] = value
    for key, form in FORMS.items():
        if key in given and not re.fullmatch(form, given[key]):
            raise SettingError(
                f"The backbone {text!r} has {key}={given[key]!r}; accepted: {OPTIONS[key]}. "
                "Correct it."
            )
    pretrained = given.get("pretrained", "true").lower() == "true"
    for key in ("seed", "stem"):
        if key in given and pretrained:
            raise SettingError(
                f"The backbone {text!r} has a {key}, but its weights are not random. Add "
                f"pretrained=false, or remove the {key}."
            )
    values: dict[str, Any] = {**given, "pretrained": pretrained}
    for key in ("seed", "size", "bits", "max_tokens"):
        if key in given:
            values[key] = int(given[key])
    if "shape" in given:
        values["shape"] = tuple(int(part) for part in given["shape"].split("x"))
    return Spec(base=base, **values)


def nearest_names(name: str, known: Iterable[str], count: int = 5) -> str:
    """Return the known names that are spelt most like this one, for a message."""
    names = [k for k in known if k]
    close = difflib.get_close_matches(name, names, n=count, cutoff=0.3)
    return ", ".join(repr(k) for k in close or names[:count]) or "none"
