"""A model's report: all that is known of it, as one page that needs nothing else."""
