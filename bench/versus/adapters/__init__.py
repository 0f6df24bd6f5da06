"""The bots that `python -m bench versus --bot NAME` knows. Each module here has one adapter."""

from typing import Final

from bench.versus.adapter import Adapter

from . import acp_discord, naive, openab, threadline

ADAPTERS: Final[dict[str, Adapter]] = {
    each.name: each for each in (threadline.ADAPTER, naive.ADAPTER, openab.ADAPTER, acp_discord.ADAPTER)
}
