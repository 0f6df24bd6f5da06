"""Which proxy leads to Discord."""

from pathlib import Path

import pytest

from bot.config import error_texts as texts
from bot.config.document import ConfigError
from bot.config.load import load
from bot.config.proxy import Proxy, proxy_of
from bot.config.requirements import warnings
from bot.config.schema import Config
from bot.config.secrets import secrets_of


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove this machine's own settings."""
    for name in ("https_proxy", "all_proxy", "no_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def loaded(folder: Path, discord: str = "") -> Config:
    """Load a configuration with these lines in the table of Discord."""
    (folder / "project").mkdir(exist_ok=True)
    path = folder / "threadline.toml"
    path.write_text(
        f'[discord]\ntoken = "t0ken"\n{discord}\n[access]\nchannels = ["1"]\n'
        '[agents.default]\ncommand = "sh"\ncwd = "project"\n'
    )
    path.chmod(0o600)
    return load(path)


def test_the_configurations_proxy_comes_before_the_environments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its credentials are decoded, and no part of the address that is shown."""
    assert proxy_of(loaded(tmp_path).discord) is None
    monkeypatch.setenv("HTTPS_PROXY", "http://of-the-environment:3128")
    assert proxy_of(loaded(tmp_path).discord) == Proxy("http://of-the-environment:3128")
    config = loaded(tmp_path, 'proxy = "http://ann:pa%40ss@proxy.example:8080"')
    proxy = proxy_of(config.discord)
    assert proxy == Proxy("http://proxy.example:8080", "ann", "pa@ss")
    assert {"pa@ss", "pa%40ss"} <= set(secrets_of(config))
    assert "pa@ss" not in f"{proxy!r} {config!r}"
    assert "pa%40ss" not in f"{proxy!r} {config!r}"


@pytest.mark.parametrize(
    ("environ", "discord", "address"),
    [
        ({"https_proxy": "proxy.example:3128"}, "", "http://proxy.example:3128"),
        ({"ALL_PROXY": "http://proxy.example"}, "", "http://proxy.example"),
        ({"HTTPS_PROXY": "http://proxy.example", "NO_PROXY": "example.org,discord.com"}, "", None),
        ({"HTTPS_PROXY": "http://proxy.example", "NO_PROXY": ".test"}, 'endpoint = "https://discord.test"', None),
        ({"HTTPS_PROXY": "http://proxy.example"}, 'endpoint = "http://127.0.0.1:8377"', None),
        ({"HTTP_PROXY": "http://proxy.example"}, "", None),
    ],
)
def test_the_environments_proxy_is_that_of_https_unless_the_host_is_excepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], discord: str, address: str | None
) -> None:
    """As other programs read these variables; a server on this machine needs none."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    proxy = proxy_of(loaded(tmp_path, discord).discord)
    assert (proxy and proxy.address) == address


def test_an_environments_proxy_of_another_kind_is_warned_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not used, and that is said."""
    monkeypatch.setenv("ALL_PROXY", "socks5://proxy.example:1080")
    config = loaded(tmp_path)
    assert proxy_of(config.discord) is None
    assert warnings(config) == [texts.UNUSABLE_PROXY]


@pytest.mark.parametrize("address", ["proxy.example:3128", "socks5://proxy.example", "http://a b@proxy", "http://p/x"])
def test_an_address_that_is_no_http_proxys_is_refused_without_being_shown(tmp_path: Path, address: str) -> None:
    """It may hold a password."""
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, f'proxy = "{address}"')
    assert str(caught.value) == f"{tmp_path}/threadline.toml:3: [discord] proxy: {texts.NOT_A_PROXY}"
