"""TensorBoard log of the epochs.

TensorBoard is optional: `pip install topwork[tensorboard]`.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, final

from topwork.errors import SettingError
from topwork.training.loop.task import Epoch

if TYPE_CHECKING:
    from torch.utils.tensorboard.writer import SummaryWriter


@final
class Scalars:
    """A log that is open; where no folder is given it takes everything and writes nothing."""

    def __init__(self, folder: Path | None) -> None:
        """Open it. Raises SettingError where TensorBoard is not installed."""
        self._writer = None if folder is None else _open(folder)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the log, whatever happened."""
        if self._writer is not None:
            self._writer.close()

    def write(self, epoch: Epoch) -> None:
        """Add an epoch's loss, accuracy, learning rate and examples a second."""
        if self._writer is None:
            return
        values = {
            "train/loss": epoch.loss,
            "train/accuracy": epoch.accuracy,
            "train/learning rate": epoch.lr,
            "train/examples a second": epoch.examples / max(epoch.seconds, 1e-9),
        }
        for name, value in values.items():
            self._writer.add_scalar(name, value, epoch.number)
        self._writer.flush()


def _open(folder: Path) -> SummaryWriter:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise SettingError(
            f"A log for TensorBoard is wanted in {str(folder)!r}, and TensorBoard is not "
            "installed. Run `pip install 'topwork[tensorboard]'`, or leave the log out."
        ) from error
    return SummaryWriter(str(folder))
