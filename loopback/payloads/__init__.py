"""From the state to Discord's JSON. Pure."""
