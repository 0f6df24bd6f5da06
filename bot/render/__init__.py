"""Renders an agent's events into pages of Discord Markdown. Pure, but for the spool."""
