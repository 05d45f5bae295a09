"""What texts alone need."""
