"""Text as it may reach a terminal."""

from __future__ import annotations

import re

# C0 and C1 controls (ESC begins what moves the cursor, or types for the reader), line separators,
# and the marks that turn the direction of what follows (Unicode Technical Report 36, 3.1.6).
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Return a name or label on one line, with what a terminal would act on spelt out.

    >>> print(printable("red\\tor\\nblue"))
    red\\tor\\nblue
    """
    return _UNSAFE.sub(lambda found: _spelt(found.group()), text)


def _spelt(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
