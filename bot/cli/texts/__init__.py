"""The command line's own words to people, one module per purpose. Pure texts, and small functions that fill them in."""
