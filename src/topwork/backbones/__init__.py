"""What is transferred: pre-trained networks, their weights and their blocks."""
