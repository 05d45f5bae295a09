"""Tables of examples: CSV, JSON lines, Parquet."""
