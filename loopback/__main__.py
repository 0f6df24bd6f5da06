"""`python -m loopback`: serves one guild, channel, bot and person until SIGINT or SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from typing import Final

from loopback.control.application import application
from loopback.harness import Lab
from loopback.server import Loopback

DEFAULT_PORT: Final = 8377
DEFAULT_CONTROL_PORT: Final = 8378


async def serve(port: int, control_port: int, token: str, *, limits: bool) -> None:
    """Serve until a signal. The first line on stdout is JSON: endpoint, page, hands, token and ids."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with Loopback(port, limits=limits) as discord:
        lab = Lab.furnish(discord, "ann", token=token)
        facts = {
            "endpoint": discord.endpoint,
            "page": discord.page,
            "hands": await discord.listen(application(discord), control_port),
            "token": token,
            "guild": str(lab.guild.id),
            "channel": str(lab.channel.id),
            "bot": str(lab.bot.id),
            "application": str(lab.bot.application_id),
            "person": str(lab.ann.id),
        }
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()
        await stop.wait()


def main() -> int:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m loopback", description="A Discord-compatible server on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 takes a free one (default: %(default)s)")
    parser.add_argument(
        "--hands-port",
        type=int,
        default=DEFAULT_CONTROL_PORT,
        help="where scripts play the people; 0 takes a free one (default: %(default)s)",
    )
    parser.add_argument("--limits", action="store_true", help="enforce Discord's rate limits")
    parser.add_argument("--token", default="loopback-token", help="the bot's token (default: %(default)s)")
    asked = parser.parse_args()
    try:
        asyncio.run(serve(asked.port, asked.hands_port, asked.token, limits=asked.limits))
    except OSError as error:
        sys.stderr.write(f"cannot listen on ports {asked.port} and {asked.hands_port}: {error.strerror}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
