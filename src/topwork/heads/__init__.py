"""What is grown in place of the output layer."""
