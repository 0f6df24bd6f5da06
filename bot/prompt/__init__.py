"""From a Discord message to the content blocks of an ACP prompt."""
