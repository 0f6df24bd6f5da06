"""The journal: what the bot must remember over a restart, in SQLite."""
