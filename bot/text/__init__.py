"""Text helpers. Pure."""
