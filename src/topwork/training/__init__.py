"""Training of what comes after the cut.

Nothing here knows the classes' names, nor where the examples come from.
"""
