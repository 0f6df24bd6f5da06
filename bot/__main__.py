"""`python -m bot` is `threadline`."""

from .cli import main

main()
