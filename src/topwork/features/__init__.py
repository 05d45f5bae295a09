"""Features on disk.

Nothing here knows what is learned from them.
"""
