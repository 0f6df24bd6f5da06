"""`threadline init`: asks for the contents of a first configuration, and writes it."""
