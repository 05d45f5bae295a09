"""What looks like a mistake in the data."""
