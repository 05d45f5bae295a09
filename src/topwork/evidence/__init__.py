"""What the data and the measurements say of a model, and of whether transfer makes sense."""
