"""What arrays alone need."""
