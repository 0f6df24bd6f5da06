"""The agent's questions to people: permissions and forms, as cards that one person answers."""
