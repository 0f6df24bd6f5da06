"""The state of the server: guilds, channels, messages, people, and what happens to them."""
