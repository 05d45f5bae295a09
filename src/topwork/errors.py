"""Every error that Topwork raises, as one tree.

    TopworkError
    ├── SettingError            an argument or option has a value that cannot be used
    ├── DataError               the data as a whole cannot be used
    │   ├── SourceError         the source is missing, empty, or of a form not known
    │   ├── ColumnError         a table lacks a column that is needed
    │   ├── ModalityError       the data is of another kind than the backbone takes
    │   └── TooFewError         too few examples or classes to learn from
    ├── ExampleError            one example cannot be used; a run skips it, counts it and names it
    │   └── TooLargeError       it would take more memory than the bound allows
    ├── BackboneError           a backbone cannot be found, built or run
    │   ├── UnknownBackboneError    no backbone has this name
    │   └── WeightsError            its weights are missing, or are not the ones expected
    ├── StoreError              the features on disk cannot be written or read
    ├── TrainingError           training gives no network that can be used
    └── ModelError              a model folder is missing, damaged, foreign or in the way

Each message says what was received, what is accepted, and what to do next. What it does not
know: where the error is shown; the command line turns `exit_code` into its exit status.
"""


class TopworkError(Exception):
    """The root: `except topwork.TopworkError` catches all that Topwork raises on purpose."""

    exit_code = 1


class SettingError(TopworkError, ValueError):
    """An argument or option has a value that cannot be used."""

    exit_code = 2


class DataError(TopworkError, ValueError):
    """The data as a whole cannot be used."""

    exit_code = 3


class SourceError(DataError):
    """The source is missing, empty, or of a form that is not known."""


class ColumnError(DataError):
    """A table lacks a column that is needed."""


class ModalityError(DataError):
    """The data is of another kind (image, sound, text) than the backbone takes."""


class TooFewError(DataError):
    """There are too few examples, or too few classes, to learn from."""


class ExampleError(TopworkError, ValueError):
    """One example cannot be used. A run skips it, counts it and names it with this reason."""

    exit_code = 3


class TooLargeError(ExampleError):
    """One example would take more memory than the bound allows; refused before it is taken."""


class BackboneError(TopworkError):
    """A backbone cannot be found, built or run."""

    exit_code = 4


class UnknownBackboneError(BackboneError, LookupError):
    """No backbone has this name; the message gives the nearest that do."""


class WeightsError(BackboneError):
    """A backbone's weights are missing, or are not the ones that were expected."""


class StoreError(TopworkError, OSError):
    """The features on disk cannot be written or read."""

    exit_code = 5


class ModelError(TopworkError):
    """A model folder is missing, damaged, foreign, or in the way."""

    exit_code = 6


class TrainingError(TopworkError):
    """Training gives no network that can be used: memory runs out, or the numbers do."""

    exit_code = 7
