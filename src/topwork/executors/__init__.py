"""Running the part of a network before the cut, fast."""
