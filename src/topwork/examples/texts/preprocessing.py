"""Preprocessing of texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from topwork.core.shapes import Shaped
from topwork.errors import SettingError

TOKENIZER = "tokenizer.json"


@dataclass(frozen=True, kw_only=True)
class TextInput:
    """How a text is brought into the form that a backbone takes: windows of token numbers.

    Attributes:
        tokenizer: a `tokenizer.json` of the Hugging Face tokenizers library, with its own special
            tokens. Where it lies does not matter; what it is does.
        tokenizer_digest: SHA-256 of that file.
        max_tokens: of a window, special tokens included; a longer text is cut into several.
        prompt: what is put in front of every text, as some networks want it.

    >>> import topwork
    >>> topwork.get_backbone("minilm-l6").input.max_tokens
    256
    """

    modality: ClassVar[Literal["text"]] = "text"

    tokenizer: Path = field(compare=False)
    tokenizer_digest: str
    max_tokens: int
    prompt: str = ""

    def __post_init__(self) -> None:
        """Raise SettingError on values that no text can be brought to."""
        whole = isinstance(self.max_tokens, int) and not isinstance(self.max_tokens, bool)
        if not whole or self.max_tokens < 8:
            raise SettingError(
                f"The text input's max_tokens: got {self.max_tokens!r}; accepted: a whole number, "
                "8 or more. Take the value that the backbone was published with."
            )

    def settings(self) -> dict[str, Any]:
        """The same as plain data, without the tokenizer's place."""
        return {
            "modality": self.modality,
            "tokenizer_digest": self.tokenizer_digest,
            "max_tokens": self.max_tokens,
            "prompt": self.prompt,
        }

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], tokenizer: Path) -> TextInput:
        """Read what `settings` gave. Raises SettingError on a key or value that is not known."""
        given = {key: value for key, value in settings.items() if key != "modality"}
        try:
            return cls(tokenizer=tokenizer, **given)
        except TypeError as error:
            raise SettingError(
                f"The text input's settings are {sorted(settings)}: {error}. Take those that "
                "`settings()` gives."
            ) from error

    def weight(self, window: Shaped[np.ndarray, " length"]) -> float:
        """How much a window counts beside the others of its text: its tokens."""
        return float(len(window))
