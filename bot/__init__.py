"""The Discord bot: access, display, commands, the command line, and the configuration."""
