"""What transfer is worth on this data."""
