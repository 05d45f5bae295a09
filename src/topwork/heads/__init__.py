"""New output layers.

Nothing here knows the classes' names, nor what the features are of.
"""
