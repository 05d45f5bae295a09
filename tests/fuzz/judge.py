"""What tries a mutant, and the fault that only it can see."""

from collections.abc import Callable
from random import Random

Attempt = Callable[[], str]
"""Tries a mutant. Returns `same` or `other`, or raises WrongAnswer, or whatever the code under
test does."""

Judge = Callable[[Random, int], Attempt]
"""Makes the mutant of a seed, which takes time and memory of its own, and returns what tries it."""


class WrongAnswer(Exception):
    """An answer that the mutant's bytes cannot have meant, without a word."""
