"""Both ports refuse the requests of foreign web pages."""

import aiohttp
import pytest

from loopback import Loopback
from loopback.control.application import application


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "[::1]:1"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Host": "localhost:1", "Origin": "http://localhost:1"}, 200),
    ],
)
async def test_a_foreign_host_or_origin_is_refused(headers: dict[str, str], status: int) -> None:
    """Rebound names, other sites and other ports are refused; programs and the own page are not."""
    async with Loopback() as server, aiohttp.ClientSession() as http:
        for url in (f"{server.endpoint}/api/v10/gateway", await server.listen(application(server))):
            async with http.get(url, headers=headers) as answer:
                assert answer.status == status


async def test_a_foreign_page_gets_no_websocket() -> None:
    """The gateway refuses the upgrade."""
    async with Loopback() as server, aiohttp.ClientSession() as http:
        url = server.endpoint.replace("http", "ws", 1) + "/gateway/"
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(url, headers={"Origin": "http://evil.example"})
        assert refused.value.status == 403
