"""Training what comes after the cut: the last blocks, all of the network, or one from scratch."""
