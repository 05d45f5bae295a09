"""Networks that Topwork wrote to a folder."""
