"""Networks of timm."""
