"""Examples and backbone that a user gives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from topwork.backbones.base import Backbone, check_modality
from topwork.backbones.catalog import default_backbone
from topwork.backbones.registry import get_backbone
from topwork.examples.example import ExampleSet
from topwork.examples.sources import labelled_examples
from topwork.examples.tables.columns import ColumnNames


def examples_and_backbone(
    data: object,
    labels: Sequence[object] | None = None,
    groups: Sequence[object] | None = None,
    *,
    columns: ColumnNames | None = None,
    backbone: str | Path | Backbone | None = None,
    call: str,
) -> tuple[ExampleSet, Backbone]:
    """Return labelled examples, and the backbone to use on them.

    All doors come through here: two of them cannot read the same data in two ways.

    Args:
        data: a folder or table; or a list of inputs that come with `labels`, and perhaps `groups`.
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
    check_modality(found, chosen)
    return found, chosen
