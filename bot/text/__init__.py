"""Text functions. Pure."""
