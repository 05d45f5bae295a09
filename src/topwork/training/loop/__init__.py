"""The generic trainer.

It does not know what network it trains, nor where the examples come from.
"""
