"""Predictions of many inputs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, final

from topwork.core.extras import is_installed
from topwork.errors import SettingError
from topwork.examples.frames import is_frame
from topwork.examples.own_columns import own_columns
from topwork.model.predictions import Prediction
from topwork.model.scored_table import added_columns, scored_table


@final
class PredictionList(list[Prediction]):
    """A list of predictions, in the order of their inputs, that can be a DataFrame as well.

    >>> import topwork
    >>> cat = topwork.Prediction(name="a.jpg", label="cat", probability=0.9, probabilities={})
    >>> answers = topwork.PredictionList([cat])
    >>> [answer.label for answer in answers]
    ['cat']
    >>> answers.to_frame().columns[:3].tolist()
    ['file', 'label', 'probability']
    """

    def __init__(self, predictions: Iterable[Prediction] = (), *, source: object = None) -> None:
        super().__init__(predictions)
        self._source = source

    def to_frame(self) -> Any:
        """Return them as a DataFrame: label, probability, unknown and error of every input.

        A table keeps its own columns before these, and a DataFrame its library and its index; of
        other inputs there is the name, in `file`. Where the table has a column `label` already,
        the answer is in `predicted_label`. It is of pandas, or where that is not installed of
        polars.

        Raises:
            SettingError: neither is installed; or the list was changed, and no longer fits its
                table.
        """
        data: Any = self._source
        own = None
        if is_frame(data):
            self._check_length(len(data))
            if hasattr(data, "assign"):
                added, _ = added_columns(self, [str(name) for name in data.columns])
                return data.assign(**added)
            if hasattr(data, "get_column"):
                import polars

                added, _ = added_columns(self, data.columns)
                return data.with_columns([polars.Series(*one) for one in added.items()])
            import pyarrow as pa

            own = pa.table(data.with_format("arrow")[:] if hasattr(data, "with_format") else data)
        elif isinstance(data, str | os.PathLike):
            own = own_columns(data)
        if own is not None:
            self._check_length(own.num_rows)
        table, _ = scored_table(self, own)
        if is_installed("pandas"):
            return table.to_pandas()
        if is_installed("polars"):
            import polars

            return polars.from_arrow(table)
        raise SettingError(
            "A DataFrame needs pandas or polars, and neither is installed. Run: pip install pandas "
            "(or polars); or go through the list, whose items have name, label and probability."
        )

    def _check_length(self, num_rows: int) -> None:
        if num_rows != len(self):
            raise SettingError(
                f"The list holds {len(self)} predictions, and its table {num_rows} rows; accepted: "
                "one for each. Make the DataFrame before you change the list."
            )
