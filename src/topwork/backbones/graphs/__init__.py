"""Networks drawn with OpenVINO's operators.

Nothing here loads torch, nor knows how a graph is run.
"""
