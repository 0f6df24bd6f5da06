"""The Discord client: it logs in, stays connected, and passes events on."""
