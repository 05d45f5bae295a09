"""Networks of transformers and sentence-transformers."""
