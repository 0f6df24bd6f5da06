"""`python -m bot` is `threadline`."""

from bot.cli import main

main()
