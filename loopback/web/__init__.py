"""The page: a small Discord in the browser, over the same world and the same user actions as every test.

`Pages` serves it. What a browser gets is JSON and, for what people wrote, HTML made here; what it sends are acts of the
person in whose name it is open.
"""

from loopback.web.pages import Pages

__all__ = ["Pages"]
