"""Keeps the Discord messages of a reply equal to its pages."""
