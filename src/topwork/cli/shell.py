"""Exit codes, broken pipes, encodings.

Exit codes: 0 all went well, 2 a wrong option, those of `errors.py`, 130 after Ctrl-C.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from topwork.core.printable import printable
from topwork.errors import StoreError, TopworkError

STOPPED = "Stopped. What was computed is kept: run the same command again to go on from here."


class CommandGroup(TyperGroup):
    """Turns errors into messages and exit codes, before Typer has its own way with them."""

    def invoke(self, ctx: Any) -> Any:
        try:
            outcome = super().invoke(ctx)
            sys.stdout.flush()  # a closed pipe shows itself here, not when Python ends
        except TopworkError as error:
            print(printable(f"Error: {error}"), file=sys.stderr)
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt as error:
            print(f"\n{STOPPED}", file=sys.stderr)
            raise typer.Exit(130) from error
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.ENOSPC):
                raise
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the last flush
            if error.errno == errno.EPIPE:  # its reader (head, less) has seen enough
                raise typer.Exit(0) from error
            print(f"Error: the output cannot be written: {error.strerror}.", file=sys.stderr)
            raise typer.Exit(StoreError.exit_code) from error
        return outcome


def use_utf8() -> None:
    """Write names of any letters: into files and pipes as UTF-8, in a terminal as it can show."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        encoding = None if sys.stdout.isatty() else "utf-8"
        sys.stdout.reconfigure(encoding=encoding, errors="backslashreplace")
