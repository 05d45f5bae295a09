"""What the data and measurements say of transfer.

Nothing here knows how it is shown (reports/, cli/).
"""
