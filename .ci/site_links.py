"""A step of the site's build: a link to a source file, of which the site has no copy, becomes the file's name alone."""

import re


def on_page_markdown(markdown: str, **_: object) -> str:
    """Return the page without its links that lead out of `docs/`."""
    return re.sub(r"\[([^\]]+)\]\(\.\./[^)]+\)", r"\1", markdown)
