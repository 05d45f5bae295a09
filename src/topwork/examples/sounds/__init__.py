"""What sounds alone need."""
