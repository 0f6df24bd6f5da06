"""The HTTP proxy on the way to Discord: the configured one, or the environment's."""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from .schema import DiscordConfig

DISCORD_HOST = "discord.com"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy's `address`, without the credentials, so that it may be shown."""

    address: str
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


def proxy_of(settings: DiscordConfig) -> Proxy | None:
    """Return the proxy for all connections to Discord, if there is one.

    Without `proxy` in the configuration it is that of HTTPS_PROXY or ALL_PROXY, unless NO_PROXY names the host. An
    endpoint on this machine needs none of the environment's.
    """
    configured = settings.proxy.get_secret_value()
    return _parsed(configured or _from_environment(settings.endpoint))


def ignored_proxy(settings: DiscordConfig) -> bool:
    """Return whether the environment names a proxy of another kind, which is not used."""
    given = "" if settings.proxy.get_secret_value() else _from_environment(settings.endpoint)
    return bool(given) and _parsed(given) is None


def _from_environment(endpoint: str) -> str:
    if endpoint.startswith("http://"):
        return ""
    proxies = getproxies_environment()
    proxy = proxies.get("https") or proxies.get("all") or ""
    return "" if proxy and proxy_bypass(urlsplit(endpoint).hostname or DISCORD_HOST) else proxy


def _parsed(address: str) -> Proxy | None:
    address = address if "://" in address or not address else f"http://{address}"
    parts = urlsplit(address)
    if parts.scheme != "http" or not parts.hostname:
        return None
    host = re.sub(r".*@", "", parts.netloc)
    return Proxy(f"http://{host}", unquote(parts.username or ""), unquote(parts.password or ""))
