"""The services of a client to its agent: files and terminals, confined to the session's directories."""
