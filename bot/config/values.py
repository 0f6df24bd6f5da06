"""The types of configuration values, such as ids, people and sizes, with errors in plain words."""

import os
import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from bot.access.gate import People

from . import error_texts as texts
from .mistakes import closest
from .presets import PRESETS


class ConfigTable(BaseModel):
    """A table of the configuration: unknown keys are refused, values are checked, and the result is frozen."""

    # Deferred, a table has no validator of its own beside that of the whole file: 0.5 MB less.
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, defer_build=True)


def expand_home(path: Path) -> Path:
    """Replace a leading `~`; an unknown user's home stays as written, and is then not found."""
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def state_directory() -> Path:
    """Return this account's directory for persistent state (XDG Base Directory, `XDG_STATE_HOME`)."""
    return expand_home(Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state")) / "threadline"


def _snowflake(value: object) -> int:
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,20}", str(value)):
        raise ValueError(texts.NOT_AN_ID)
    return int(str(value))


def _people(value: object, *, asker: bool = False) -> People:
    if isinstance(value, People):
        return value
    if not isinstance(value, list):
        raise ValueError(texts.NOT_A_LIST)  # noqa: TRY004 - pydantic turns only ValueError into a message
    users: set[int] = set()
    roles: set[int] = set()
    words: set[str] = set()
    allowed = {"owner", "*", "asker"} if asker else {"owner", "*"}
    for number, entry in enumerate(value, start=1):
        if isinstance(entry, str) and entry in allowed:
            words.add(entry)
            continue
        role = isinstance(entry, str) and entry.startswith("role:")
        try:
            (roles if role else users).add(_snowflake(entry.removeprefix("role:") if role else entry))
        except ValueError:
            raise ValueError(texts.not_a_person(number, allowed)) from None
    return People(
        user_ids=frozenset(users),
        role_ids=frozenset(roles),
        owner="owner" in words,
        everyone="*" in words,
        asker="asker" in words,
        entries=tuple(map(str, value)),
    )


def _approvers(value: object) -> People:
    return _people(value, asker=True)


def _not_blank(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().strip():
        raise ValueError(texts.EMPTY)
    return secret


def _preset(name: str) -> str:
    if name and name not in PRESETS:
        raise ValueError(texts.no_such_preset(PRESETS, closest(name, PRESETS)))
    return name


def _address(text: str) -> str:
    match = re.fullmatch(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})", text)
    if text and (match is None or int(match[1]) > 65535):
        raise ValueError(texts.NOT_A_LISTENER)
    return text


def _endpoint(text: str) -> str:
    """Refuse an address that would receive the token unencrypted."""
    if re.fullmatch(r"(https?://[^/\s]+)?", text) is None:
        raise ValueError(texts.NOT_AN_ADDRESS)
    host = urlsplit(text).hostname or ""
    if text.startswith("http://") and not _is_loopback(host):
        raise ValueError(texts.UNENCRYPTED)
    return text


def _proxy(secret: SecretStr) -> SecretStr:
    address = secret.get_secret_value()
    if not re.fullmatch(r"(http://([^/@\s]+@)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?)?", address):
        raise ValueError(texts.NOT_A_PROXY)
    return secret


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _channels(value: object) -> object:
    """Turn `["*"]` into None: all channels."""
    return None if value == ["*"] else value


def _bytes(value: object) -> object:
    """Parse a size: a number of bytes, or one followed by KiB, MiB or GiB."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([KMG]iB)?", str(value))
    if isinstance(value, bool) or match is None:
        raise ValueError(texts.NOT_A_SIZE)
    powers = {None: 0, "KiB": 1, "MiB": 2, "GiB": 3}
    return int(float(match[1]) * 1024 ** powers[match[2]])


Snowflake = Annotated[int, BeforeValidator(_snowflake)]
PeopleList = Annotated[People, BeforeValidator(_people)]
Approvers = Annotated[People, BeforeValidator(_approvers)]
Channels = Annotated[frozenset[Snowflake] | None, BeforeValidator(_channels)]
"""None: all channels."""
Name = Annotated[str, Field(min_length=1)]
PresetName = Annotated[str, AfterValidator(_preset)]
Permission = Literal["ask", "allow_reads", "allow_all", "deny"]
"""What an agent may do without asking; see `bot.questions.auto_approval`."""

Token = Annotated[SecretStr, AfterValidator(_not_blank)]
Address = Annotated[str, AfterValidator(_address)]
Endpoint = Annotated[str, AfterValidator(_endpoint)]
ProxyAddress = Annotated[SecretStr, AfterValidator(_proxy)]
Size = Annotated[int, BeforeValidator(_bytes)]
