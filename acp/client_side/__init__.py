"""What an agent may ask of its client: files and terminals, within the roots that bound them."""
