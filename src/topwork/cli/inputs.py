"""Inputs as they are typed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from topwork.errors import SourceError

if TYPE_CHECKING:
    from topwork.examples.example import Example
    from topwork.model.model import Model


def inputs_of(
    model: Model, inputs: list[str], input_column: str | None, *, command: str = "predict"
) -> list[Example]:
    """Return what the arguments stand for; of texts, also themselves and the lines of `-`."""
    things: list[str | Path] = []
    for given in inputs:
        of_texts = model.backbone.modality == "text" and not Path(given).exists()
        if given == "-" and of_texts:
            things += [line.rstrip("\r\n") for line in sys.stdin]
        elif of_texts and _is_named_file(given):
            raise SourceError(
                f"There is no file {given!r}. Check its path. If it is a text: "
                f"echo {given!r} | topwork {command} MODEL -"
            )
        else:
            things.append(given if of_texts else Path(given))
    return model.read(things, input_column=input_column)


def _is_named_file(given: str) -> bool:
    """Whether a text that names no file is a file's name spelt wrong: by a suffix that is known."""
    from topwork.examples.kinds import DOCUMENT_SUFFIXES, TABLE_SUFFIXES, modality_of, suffix_of

    one_word = len(given.split()) == 1
    suffix = suffix_of(given)
    return one_word and (
        modality_of(given) is not None or suffix in (*DOCUMENT_SUFFIXES, *TABLE_SUFFIXES)
    )
