"""What is grown in place of the output layer.

Nothing here knows the classes' names, nor what the features are of.
"""
