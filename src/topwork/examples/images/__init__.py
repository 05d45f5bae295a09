"""What images alone need."""
