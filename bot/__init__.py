"""Discord: who may speak, what is shown, commands, the command line, the configuration."""
