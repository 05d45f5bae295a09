"""What was learned: used, saved and described.

It does not know how a model is trained (runs/), nor what is said of it (evidence/, reports/).
"""
