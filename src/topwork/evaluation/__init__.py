"""Scores, their intervals, and how they are come by."""
