"""The agent's questions to people: permissions and forms, each a card that one person answers."""
