"""`threadline init`: asks what a first configuration needs, and writes it."""
