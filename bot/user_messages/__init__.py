"""The bot's own words to people in Discord, one module per purpose, and what it tells agents. Pure."""
