"""From an agent's events to pages of Discord Markdown. Pure, but for the spool."""
