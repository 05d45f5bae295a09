"""What was learned, and how it is used and kept.

It does not know how a model is trained (runs/), nor what is said of it (evidence/, report/).
"""
