"""`threadline init` proposes a sandbox where one can be made, and writes what was chosen."""

import shutil
from pathlib import Path

import click
import pytest

from bot.cli.init.config_template import Choices, config_text
from bot.cli.init.prompts import Prompter
from bot.cli.init.sandbox_choice import choose_sandbox
from bot.cli.texts.setup import SANDBOX
from bot.config.load import read_config

TOKEN = "MTIz.of-a-newcomer_"

needs_bwrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


class Asking(Prompter):
    """A person at a terminal, who answers each question with its default."""

    def __init__(self) -> None:
        self.asking = True
        self.asked: list[str] = []

    def confirm(self, words: str, *, given: bool | None, default: bool) -> bool:
        """Note the question."""
        if given is None:
            self.asked.append(words)
        return default if given is None else given


@needs_bwrap
def test_a_sandbox_is_proposed_where_one_can_be_made() -> None:
    """The default answer is yes."""
    ask = Asking()
    assert choose_sandbox(None, ask)
    assert ask.asked == [SANDBOX]


@needs_bwrap
def test_a_flag_gives_the_answer() -> None:
    """Nothing is asked."""
    ask = Asking()
    assert [choose_sandbox(each, ask) for each in (True, False)] == [True, False]
    assert ask.asked == []


def test_a_script_that_says_nothing_gets_no_sandbox() -> None:
    """The agent would not find the login that the script relies on."""
    assert not choose_sandbox(None, Prompter(ask=False))


def test_where_none_can_be_made_none_is_proposed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reason is told; a flag that wants one all the same ends the program."""
    ask = Asking()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not choose_sandbox(None, ask)
    assert ask.asked == []
    assert "Install the package bubblewrap" in capsys.readouterr().out
    with pytest.raises((SystemExit, click.exceptions.Exit)) as ended:
        choose_sandbox(True, ask)
    assert getattr(ended.value, "code", getattr(ended.value, "exit_code", None)) == 2
    assert "--sandbox: the program bwrap" in capsys.readouterr().err


@pytest.mark.parametrize("chosen", [True, False])
def test_the_written_configuration_has_what_was_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, chosen: bool
) -> None:
    """It loads, and the comments show what else there is."""
    monkeypatch.setenv("DISCORD_TOKEN", TOKEN)
    choices = Choices(
        token=TOKEN,
        endpoint="",
        channels={1: "general"},
        agent=["sh"],
        cwd=tmp_path / "project",
        sandbox=chosen,
        users={"owner": ""},
    )
    path = tmp_path / "threadline.toml"
    path.write_text(config_text(choices))
    assert read_config(path).agents.default.sandbox.is_on is chosen
    assert '#permission = "ask"' in path.read_text()
    assert "[agents.default.sandbox]" in path.read_text()
