"""Decides who may do what, and records in the audit log what they did."""
