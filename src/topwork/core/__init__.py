"""Files, digests, units and results on disk.

Nothing here knows what machine learning is.
"""
