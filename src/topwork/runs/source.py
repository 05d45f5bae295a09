"""Examples and backbone that a user gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from topwork.backbones.base import Backbone, check_modality
from topwork.backbones.catalog import default_backbone
from topwork.backbones.joined import join_backbones
from topwork.backbones.registry import get_backbone
from topwork.core.telling import tell, warn
from topwork.errors import BackboneError, DataError, SettingError
from topwork.examples.account import account
from topwork.examples.example import Example, ExampleSet
from topwork.examples.images.preprocessing import ImageInput
from topwork.examples.inputs import dimensions_of, kind_of_inputs, read_inputs
from topwork.examples.kinds import counted
from topwork.examples.remarks.data import data_remarks
from topwork.examples.remarks.images import used_bits
from topwork.examples.sources import labelled_examples
from topwork.examples.tables.columns import ColumnNames


def examples_and_backbone(
    data: object,
    labels: Sequence[object] | None = None,
    groups: Sequence[object] | str | Path | None = None,
    *,
    columns: ColumnNames | None = None,
    backbone: str | Path | Backbone | None = None,
    call: str,
) -> tuple[ExampleSet, Backbone]:
    """Return labelled examples, and the backbone to use on them.

    All doors come through here: two of them cannot read the same data in two ways.

    Args:
        data: a folder or table; or a list of inputs that come with `labels`, and perhaps `groups`.
        groups: of a list, one for each input; of a folder of classes, a table of its files and
            their groups.
        columns: of a table; None: found by their usual names.
        backbone: a name, a folder of weights, or a `Backbone`; None: the one that comes with
            Topwork for the kind of input that the data holds.
        call: how labels are given, for the message: `train(inputs, labels)`.

    Raises:
        SettingError: labels or groups came with a folder or table, or a list without labels.
        DataError: the data cannot be used.
        ModalityError: the backbone takes another kind of input than the data holds.
        BackboneError: the backbone cannot be found.
    """
    chosen = None if backbone is None else get_backbone(backbone)
    found = labelled_examples(
        data,
        labels,
        groups,
        columns=columns or ColumnNames(),
        modality=None if chosen is None else chosen.modality,
        call=call,
    )
    chosen = chosen or get_backbone(default_backbone(found.modality))
    return examined(found, chosen)


def inputs_and_backbone(
    inputs: object,
    *,
    backbone: str | Path | Backbone | None = None,
    input_column: str | None = None,
) -> tuple[list[Example], Backbone]:
    """Return unlabelled examples, one for each input in its order, and the backbone to use on them.

    Args:
        inputs: as `Model.predict` takes them.
        backbone, input_column: as in `examples_and_backbone`.

    Raises as `read_inputs` does, and BackboneError where the backbone cannot be found.
    """
    if isinstance(inputs, Iterator):
        inputs = list(inputs)  # they are gone through twice
    chosen = None if backbone is None else get_backbone(backbone)
    modality = kind_of_inputs(inputs, input_column) if chosen is None else chosen.modality
    chosen = chosen or get_backbone(default_backbone(modality))
    examples = read_inputs(
        inputs,
        modality=modality,
        input_column=input_column,
        array_ndim=dimensions_of(chosen.input),
    )
    fitted, decided = _fitted(chosen, examples)
    tell([f"{counted(len(examples), modality)} for the backbone {fitted.name!r}.", *decided])
    return examples, fitted


def examined(found: ExampleSet, backbone: Backbone) -> tuple[ExampleSet, Backbone]:
    """Return the examples with what looks like a mistake in them, and the backbone to fit them.

    Raises ModalityError where it takes another kind of input than they are.
    """
    check_modality(found, backbone)
    fitted, decided = _fitted(backbone, found.examples)
    remarks = (*found.remarks, *data_remarks(found, fitted.input))
    return replace(
        found,
        decided=tuple(dict.fromkeys([*found.decided, *decided])),
        remarks=tuple(dict.fromkeys(remarks)),
    ), fitted


def _fitted(backbone: Backbone, examples: Sequence[Example]) -> tuple[Backbone, list[str]]:
    """The backbone that reads as many bits as the pictures use, and what to say of that."""
    if backbone.parts:
        fits = [_fitted(one, examples) for one in backbone.parts]
        said = list(dict.fromkeys(line for _, lines in fits for line in lines))
        return join_backbones([one for one, _ in fits]), said
    preprocessing = backbone.input
    if not isinstance(preprocessing, ImageInput) or preprocessing.bits is not None:
        return backbone, []
    bits = used_bits(examples)
    if bits is None:
        return backbone, []
    fitted = replace(backbone, input=replace(preprocessing, bits=bits))
    with suppress(BackboneError, SettingError):  # of a network in memory: no name finds it
        if get_backbone(backbone.name).digest == backbone.digest:
            mark = "&" if "?" in backbone.name else "?"
            fitted = get_backbone(f"{backbone.name}{mark}bits={bits}")
    return fitted, [
        f"The pictures use {bits} of their 16 bits, and are read so (?bits={bits} with the "
        "backbone; ?bits=16 for all of them)."
    ]


def announce(found: ExampleSet, *, strict: bool = False) -> None:
    """Say what was read, and what looks like a mistake in it.

    Raises DataError where something does, and `strict` takes that for an error.
    """
    tell(account(found))
    warn(found.remarks)
    if strict and found.remarks:
        listed = " ".join(f"{i}. {remark}" for i, remark in enumerate(found.remarks, start=1))
        raise DataError(
            f"{found.origin!r} has what looks like a mistake, and with --strict (strict=True) "
            f"nothing is passed over. {listed}"
        )
