"""Converts the state into Discord's JSON. Pure."""
