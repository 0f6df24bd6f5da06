"""What an agent asks of people: permissions and forms, as cards that one of them answers."""
