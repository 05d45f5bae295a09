"""TensorBoard log of the epochs.

TensorBoard is optional: `pip install topwork[tensorboard]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from topwork.errors import SettingError
from topwork.training.loop.task import Epoch


@contextmanager
def scalars(folder: Path | None) -> Iterator[Callable[[Epoch], None]]:
    """Yield what adds an epoch's loss, accuracy, learning rate and examples a second to a log.

    Without a folder nothing is written. Raises SettingError where TensorBoard is not installed.
    """
    if folder is None:
        yield lambda epoch: None
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise SettingError(
            f"A log for TensorBoard is wanted in {str(folder)!r}, and TensorBoard is not "
            "installed. Run `pip install 'topwork[tensorboard]'`, or leave the log out."
        ) from error
    with SummaryWriter(str(folder)) as writer:

        def write(epoch: Epoch) -> None:
            values = {
                "train/loss": epoch.loss,
                "train/accuracy": epoch.accuracy,
                "train/learning rate": epoch.lr,
                "train/examples a second": epoch.examples / max(epoch.seconds, 1e-9),
            }
            for name, value in values.items():
                writer.add_scalar(name, value, epoch.number)
            writer.flush()

        yield write
