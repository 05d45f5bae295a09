"""Examples from whatever a user has.

Nothing here knows backbones, but for the form of input that one takes.
"""
