"""The configured agents: which there are, how to log in to one, and whether one works."""
