"""A configuration that others may change, or whose token they may read, is refused, as ssh refuses its files."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.config import error_texts as texts
from bot.config.document import ConfigError
from bot.config.file_exposure import readable_by_others, writable_by_others
from bot.config.load import load
from bot.config.requirements import warnings
from bot.config.secrets import secrets_of

ENVIRON = {"DISCORD_TOKEN": "MTIz.secret.value", "KEY": "sk-secret"}
VARIABLE = "${DISCORD_TOKEN}"
LITERAL = "MTIz.literal.value"


@pytest.fixture
def shared() -> Iterator[Path]:
    """Create a folder that every account may enter, unlike a test's own folder."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="threadline-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "project").mkdir()
        yield folder


def written(folder: Path, mode: int, *, token: str = VARIABLE, agent: str = "") -> Path:
    """Write a configuration with that mode, in a group with other members."""
    path = folder / "threadline.toml"
    path.write_text(f'[discord]\ntoken = "{token}"\n[agents.default]\ncommand = "sh"\ncwd = "project"\n{agent}')
    if os.geteuid() == 0:
        os.chown(path, 0, 65534)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o666, 0o646, 0o662])
def test_a_file_that_others_may_write_is_refused(shared: Path, mode: int) -> None:
    """It names programs that run with the bot's rights. The line names the remedy."""
    path = written(shared, mode)
    with pytest.raises(ConfigError) as caught:
        load(path, ENVIRON)
    assert str(caught.value) == f"{path}: {texts.EXPOSED_TO_WRITING.format(path=path)}"


def test_a_links_target_and_the_path_there_decide(shared: Path) -> None:
    """A link in an open folder to a file in a closed one exposes no content; the reverse exposes all of it."""
    closed = shared / "closed"
    closed.mkdir(mode=0o700)
    for here, there in ((shared, closed), (closed, shared)):
        (there / "file").write_text("x")
        (there / "file").chmod(0o644)
        (here / "link").symlink_to(there / "file")
    assert not readable_by_others(shared / "link")
    assert readable_by_others(closed / "link")


@pytest.mark.parametrize("mode", [0o644, 0o604])
def test_a_token_that_others_may_read_is_refused(shared: Path, mode: int) -> None:
    """The line names the key and the remedy, and not the token."""
    path = written(shared, mode, token=LITERAL)
    with pytest.raises(ConfigError) as caught:
        load(path, ENVIRON)
    assert str(caught.value) == f"{path}:2: [discord] token: {texts.READABLE.format(path=path)}"


def test_a_token_that_only_its_owner_may_read_is_taken_and_so_is_a_variable_that_all_may_read(shared: Path) -> None:
    """A variable's name is no secret."""
    assert secrets_of(load(written(shared, 0o600, token=LITERAL), ENVIRON)) == (LITERAL,)
    assert warnings(load(written(shared, 0o644), ENVIRON)) == [texts.NO_CHANNELS]


def test_a_folder_that_nobody_else_may_enter_closes_all_files_in_it(shared: Path) -> None:
    """Their own modes do not matter."""
    shared.chmod(0o700)
    assert secrets_of(load(written(shared, 0o666, token=LITERAL), ENVIRON)) == (LITERAL,)


def test_other_secrets_that_others_may_read_are_warned_of(shared: Path) -> None:
    """By key, without those from variables. Only a warning: the name may deceive."""
    agent = 'env = { API_KEY = "sk-literal", OTHER_KEY = "${KEY}", COLOR = "red" }\n'
    path = written(shared, 0o644, agent=agent)
    found = warnings(load(path, ENVIRON))
    assert found[-1] == f"[agents.default] env, API_KEY: {texts.READABLE.format(path=path)}"
    assert not any("OTHER_KEY" in warning or "COLOR" in warning for warning in found)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file to another group")
def test_an_accounts_private_group_counts_as_the_owner(shared: Path) -> None:
    """Systems with such groups create files for them by default (umask 002)."""
    path = written(shared, 0o660)
    assert (readable_by_others(path), writable_by_others(path)) == (True, True)
    os.chown(path, 0, 0)
    assert (readable_by_others(path), writable_by_others(path)) == (False, False)
