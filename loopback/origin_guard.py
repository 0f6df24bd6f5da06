"""Refuses requests that a foreign web page could have caused. Only this machine is served.

A browser sends the page's origin as Origin and the name that it resolved as Host. Both expose a foreign page, also one
with a rebound DNS name. Programs send no Origin.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

_OWN_HOST: Final = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.IGNORECASE)


@web.middleware
async def refuse_foreigners(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer 403 unless Host names this machine and Origin, if present, is this server."""
    host = request.headers.get("Host", "")
    origin = request.headers.get("Origin")
    if _OWN_HOST.fullmatch(host) is None or origin not in (None, f"http://{host}"):
        return web.Response(status=403, text="This server answers only to programs and pages of its own machine.\n")
    return await handler(request)
