"""Whole runs, from data to a model.

Read train.py first. It does not know who asked, nor how results are shown.
"""
