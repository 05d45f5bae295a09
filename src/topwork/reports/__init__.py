"""A model's report, as one self-contained page.

Nothing here measures (evidence/).
"""
