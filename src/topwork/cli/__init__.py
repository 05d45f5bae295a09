"""The command line.

It parses, calls and prints; it does not know how anything is computed. Read app.py first.
"""
