"""Collects the secret values of a configuration, which must not appear in a log, an error or a thread."""

import os
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote

from .document import Variable
from .proxy import proxy_of
from .schema import Config

SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASS|CREDENTIAL|AUTH|COOKIE|PRIVATE|SIGNATURE|\bSIG\b", re.IGNORECASE)
"""Matches the names of secret variables and headers."""

TOKEN = ("discord", "token")
"""The key of the bot's token."""

PROXY = ("discord", "proxy")
"""The key of the proxy, which may hold credentials."""

_TABLES = {"env", "headers"}

_AUTHORIZATION = re.compile(r"(?:Bearer|Basic|Token)\s+(\S+)", re.IGNORECASE)
"""A header's value; an echo of the secret may omit the scheme before it (RFC 9110, Authorization)."""


def secrets_of(config: Config) -> tuple[str, ...]:
    """Return the values that must appear in no log and no message: the token, and secrets of the proxy and the agents.

    These are a proxy's password, the values of variables in tables `env` and `headers`, values there under a secret's
    name, and inherited variables with a secret's name. Paths are excluded: answers without them would be useless.
    """
    variables = config.document.variables if config.document else ()
    given = [value for keys, value in variables if not _TABLES.isdisjoint(keys)]
    for agent in config.agents.by_name.values():
        tables = [agent.env, *(table for server in agent.mcp_servers for table in (server.env, server.headers))]
        given += [value for table in tables for name, value in table.items() if SECRET_NAME.search(name)]
        given += [os.environ[name] for name in agent.inherit_env if name in os.environ and SECRET_NAME.search(name)]
    given += [match[1] for value in given if (match := _AUTHORIZATION.fullmatch(value))]
    proxy = proxy_of(config.discord)
    given += [proxy.password, quote(proxy.password, safe="")] if proxy is not None and proxy.password else []
    return (config.discord.token.get_secret_value(), *(value for value in given if not _is_path(value)))


def literal_secrets(config: Config, variables: tuple[Variable, ...]) -> Iterator[tuple[str, ...]]:
    """Return the keys of secrets that the file itself contains, without a variable in their values."""
    replaced = {keys for keys, _ in variables}
    yield from (keys for keys in _secret_keys(config) if keys not in replaced)


def _secret_keys(config: Config) -> Iterator[tuple[str, ...]]:
    yield TOKEN
    if "@" in config.discord.proxy.get_secret_value():
        yield PROXY
    for name, agent in config.agents.by_name.items():
        tables: dict[tuple[str, ...], Mapping[str, str]] = {("agents", name, "env"): agent.env}
        for number, server in enumerate(agent.mcp_servers):
            at = ("agents", name, "mcp_servers", str(number))
            tables |= {(*at, "env"): server.env, (*at, "headers"): server.headers}
        yield from ((*at, key) for at, table in tables.items() for key in table if SECRET_NAME.search(key))


def _is_path(value: str) -> bool:
    """Return whether it is a path. A leading slash is not enough: base64 keys may begin with one."""
    if value.startswith("/"):
        return os.path.lexists(f"/{value.split('/')[1]}")
    return value.startswith(("~/", "./", "../"))
