"""How many calls Discord takes.

A bot may make 50 calls a second (Discord, Rate Limits), and 5 sends and 5 edits in 5 s and channel, as observed.
The library counts sends and edits in one bucket and believes the last answer about it; it holds no call back while one
edit is left, and the scheduler keeps one for the final text.
"""

from .calls import Bucket

DEFAULT_LIMITS = {
    Bucket.MESSAGE: (5, 5.0),
    Bucket.EDIT: (5, 5.0),
    Bucket.REACTION: (1, 0.25),
    Bucket.TYPING: (5, 5.0),
    Bucket.CHANNEL: (5, 5.0),
    Bucket.THREAD: (5, 5.0),
}
"""Calls in seconds, until Discord states others."""

TOTAL_CALLS = 50
TOTAL_SECONDS = 1.0
"""Discord's limit of all calls of a bot. `Budget` needs no margin below it."""

EDIT_GAP = DEFAULT_LIMITS[Bucket.EDIT][1] / (DEFAULT_LIMITS[Bucket.EDIT][0] - 1)
"""Seconds between two writes of a text that grows, whether they edit a page or begin one."""
