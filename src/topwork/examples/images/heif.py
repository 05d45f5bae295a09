"""HEIC photos, where pillow-heif is installed."""

from __future__ import annotations

import threading
from importlib.util import find_spec

from topwork.errors import ExampleError

_lock = threading.Lock()


def load_heif() -> None:
    """Teach Pillow the format. Raises ExampleError where pillow-heif is not installed."""
    if find_spec("pillow_heif") is None:
        raise ExampleError(
            "it is a HEIC photo, and pillow-heif, which reads these, is not installed. Run `pip "
            "install 'topwork[heif]'`, or convert it to JPEG"
        )
    import pillow_heif

    with _lock:
        pillow_heif.register_heif_opener()
