"""Inputs: from folders, tables and objects to pixels, and into folds."""
