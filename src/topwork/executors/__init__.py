"""Running the frozen part of a network, fast.

Nothing here knows where windows come from, nor where vectors go.
"""
