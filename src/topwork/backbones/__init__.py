"""Pre-trained networks, their weights and their blocks.

Nothing here knows the data, nor how a network is run (executors/).
"""
