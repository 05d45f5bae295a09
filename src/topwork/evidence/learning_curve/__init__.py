"""What more examples would bring."""
