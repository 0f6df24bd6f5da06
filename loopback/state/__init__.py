"""The state of the server: guilds, channels, messages, people, and their changes."""
