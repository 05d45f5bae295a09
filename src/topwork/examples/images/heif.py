"""HEIC photos, where pi-heif or pillow-heif is installed.

The extra names pi-heif, which only reads. Wheels of pillow-heif bring x265 along, which is GPL;
where a user has it, it serves as well.
"""

from __future__ import annotations

import threading
from importlib.util import find_spec

from topwork.errors import ExampleError

_lock = threading.Lock()


def load_heif() -> None:
    """Teach Pillow the format. Raises ExampleError where neither library is installed."""
    if find_spec("pi_heif") is not None:
        from pi_heif import register_heif_opener
    elif find_spec("pillow_heif") is not None:
        from pillow_heif import register_heif_opener
    else:
        raise ExampleError(
            "it is a HEIC photo, and pi-heif, which reads these, is not installed. Run `pip "
            "install 'topwork[heif]'`, or convert it to JPEG"
        )
    with _lock:
        register_heif_opener()
