"""Scores, their intervals, and cross-validation.

Nothing here knows how networks are trained.
"""
