"""The state of the server: guilds, channels, messages, people, and the events of their changes."""
