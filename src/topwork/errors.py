"""Every error that Topwork raises, as one tree.

    TopworkError
    ├── SettingError            an argument or option has a value that cannot be used
    │   └── ExtraError          what was asked for needs a package that is not installed
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
    """The root: `except topwork.TopworkError` catches all that Topwork raises on purpose.

    >>> import topwork
    >>> try:
    ...     topwork.load("no/such/folder")
    ... except topwork.TopworkError as error:
    ...     print(type(error).__name__, error.exit_code)
    ModelError 6
    """

    exit_code = 1


class SettingError(TopworkError, ValueError):
    """An argument or option has a value that cannot be used.

    >>> import topwork
    >>> topwork.Recipe(num_folds=1)
    Traceback (most recent call last):
    topwork.errors.SettingError: num_folds is 1; accepted: a whole number, 2 or more...
    """

    exit_code = 2


class ExtraError(SettingError):
    """What was asked for needs a package that is not installed; the message says which extra.

    >>> import topwork
    >>> issubclass(topwork.ExtraError, topwork.SettingError)
    True
    """


class DataError(TopworkError, ValueError):
    """The data as a whole cannot be used.

    >>> import topwork
    >>> issubclass(topwork.TooFewError, topwork.DataError)
    True
    """

    exit_code = 3


class SourceError(DataError):
    """The source is missing, empty, or of a form that is not known.

    >>> import topwork
    >>> topwork.train("no/such/folder")
    Traceback (most recent call last):
    topwork.errors.SourceError: There is no folder or file 'no/such/folder'...
    """


class ColumnError(DataError):
    """A table lacks a column that is needed.

    >>> import topwork
    >>> from pathlib import Path
    >>> _ = Path("rows.csv").write_text("height,weight\\n1,2\\n")
    >>> topwork.train("rows.csv")
    Traceback (most recent call last):
    topwork.errors.ColumnError: ...Its columns: 'height', 'weight'...
    """


class ModalityError(DataError):
    """The data is of another kind (image, sound, text) than the backbone takes.

    >>> import topwork
    >>> import numpy as np
    >>> sounds = [topwork.Sound(samples=np.ones(8_000, np.float32), rate_hz=8_000)]
    >>> topwork.train(sounds, ["x"], backbone="minilm-l6")
    Traceback (most recent call last):
    topwork.errors.ModalityError: ...sounds...
    """


class TooFewError(DataError):
    """There are too few examples, or too few classes, to learn from.

    >>> import topwork
    >>> texts = ["where is my card", "it rains"]
    >>> topwork.train(texts, ["cards", "cards"], backbone="minilm-l6")
    Traceback (most recent call last):
    topwork.errors.TooFewError: ...only one class, 'cards'; accepted: 2 classes or more...
    """


class ExampleError(TopworkError, ValueError):
    """One example cannot be used. A run skips it, counts it and names it with this reason.

    >>> import topwork
    >>> from topwork.examples.images.decode import decode_image
    >>> decode_image(b"no image", topwork.get_backbone("efficientnet-lite0").input)
    Traceback (most recent call last):
    topwork.errors.ExampleError: ...
    """

    exit_code = 3


class TooLargeError(ExampleError):
    """One example would take more memory than the bound allows; refused before it is taken.

    >>> import topwork
    >>> issubclass(topwork.TooLargeError, topwork.ExampleError)
    True
    """


class BackboneError(TopworkError):
    """A backbone cannot be found, built or run.

    >>> import topwork, torch
    >>> image = topwork.get_backbone("efficientnet-lite0").input
    >>> topwork.from_module(torch.nn.Sequential(torch.nn.ReLU()), blocks=["1"], input=image)
    Traceback (most recent call last):
    topwork.errors.BackboneError: The module has no block '1'; nearest: '0'.
    """

    exit_code = 4


class UnknownBackboneError(BackboneError, LookupError):
    """No backbone has this name; the message gives the nearest that do.

    >>> import topwork
    >>> topwork.get_backbone("efficientnet-lite")
    Traceback (most recent call last):
    topwork.errors.UnknownBackboneError: ...Nearest: 'efficientnet-lite2'...
    """


class WeightsError(BackboneError):
    """A backbone's weights are missing, or are not the ones that were expected.

    >>> import topwork
    >>> from pathlib import Path
    >>> Path("network").mkdir()
    >>> _ = Path("network/config.json").write_text('{"architecture": "resnet18"}')
    >>> topwork.get_backbone(Path("network"))
    Traceback (most recent call last):
    topwork.errors.WeightsError: ...
    """


class StoreError(TopworkError, OSError):
    """The features on disk cannot be written or read.

    >>> import topwork
    >>> issubclass(topwork.StoreError, OSError)
    True
    """

    exit_code = 5


class ModelError(TopworkError):
    """A model folder is missing, damaged, foreign, or in the way.

    >>> import topwork
    >>> topwork.load("no/such/model")
    Traceback (most recent call last):
    topwork.errors.ModelError: There is no Topwork model in 'no/such/model': no such folder...
    """

    exit_code = 6


class TrainingError(TopworkError):
    """Training gives no network that can be used: memory runs out, or the numbers do.

    >>> import topwork
    >>> topwork.TrainingError.exit_code
    7
    """

    exit_code = 7
