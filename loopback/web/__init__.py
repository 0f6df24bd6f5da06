"""The page: Discord in the browser, over the same world and the same user actions as every test.

`Pages` serves it. The browser gets JSON, in which texts of people and bots are HTML made here, and sends actions of the
person for whom it is open.
"""

from loopback.web.pages import Pages

__all__ = ["Pages"]
