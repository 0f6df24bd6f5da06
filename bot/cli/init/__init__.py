"""`threadline init`: asks for what a first configuration needs, and writes it."""
