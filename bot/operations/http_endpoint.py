"""The HTTP endpoint for monitoring: `/metrics`, `/health` and `/live`.

The bot's own event loop serves it, so an answer is itself a sign that the loop runs.
"""

from aiohttp import web

from .health import Health
from .prometheus_text import PrometheusText

CLOSE_SECONDS = 1.0
"""How long a request in progress may take when the bot stops."""


class MonitoringEndpoint:
    """The server. Its answers hold no secret, and it takes no commands."""

    def __init__(self, host: str, port: int, *, figures: PrometheusText, health: Health) -> None:
        """Prepare the endpoint; port 0 is any free port."""
        self._host = host
        self._port = port
        self._figures = figures
        self._health = health
        application = web.Application()
        application.router.add_get("/metrics", self._on_metrics)
        application.router.add_get("/health", self._on_health)
        application.router.add_get("/live", self._on_live)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=CLOSE_SECONDS)

    async def open(self) -> str:
        """Listen; return the address, `http://HOST:PORT`. Raises OSError."""
        try:
            await self._runner.setup()
            await web.TCPSite(self._runner, self._host, self._port).start()
        except BaseException:
            await self._runner.cleanup()
            raise
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        """Close the server and its connections."""
        await self._runner.cleanup()

    async def _on_metrics(self, request: web.Request) -> web.Response:
        body, content_type = await self._figures.write(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _on_health(self, _: web.Request) -> web.Response:
        problems = self._health.problems()
        report = {
            "status": "failing" if problems else "ok",
            "reasons": problems,
            "gateway_connected": self._health.connected,
            "gateway_down_seconds": round(self._health.down_seconds),
        }
        return web.json_response(report, status=503 if problems else 200)

    async def _on_live(self, _: web.Request) -> web.Response:
        """Answer 200 always: a restart would mend neither Discord nor a full disk."""
        return web.json_response({"status": "ok"})
