"""What a running bot applies of a changed configuration, and what it lists instead."""

from pathlib import Path

import pytest

from bot.access.gate import People
from bot.access.summary import describe_rules
from bot.config.load import load
from bot.config.reload import RELOADABLE, Reloaded, apply_reloadable, reload
from bot.config.schema import Config
from bot.user_messages.access_rules import ready
from bot.user_messages.commands import reloaded

BEGINNING = """\
[discord]
token = "t0ken"
[agents.default]
command = "sh"
cwd = "project"
"""


def told(done: Reloaded) -> str:
    """Return the answer to `/reload`."""
    return reloaded(done.applied, done.waiting, done.mistake)


def loaded(folder: Path, text: str = "", *, beginning: str = BEGINNING) -> Config:
    """Load a configuration with that text."""
    (folder / "project").mkdir(exist_ok=True)
    path = folder / "threadline.toml"
    path.write_text(beginning + text)
    return load(path)


def test_lists_of_people_and_places_are_reloadable(tmp_path: Path) -> None:
    """The answer names each key."""
    running = loaded(tmp_path, '[access]\nchannels = ["1"]\n[threads]\nmention = "mentions"\n')
    loaded(tmp_path, '[access]\nchannels = ["1", "2"]\nusers = ["*"]\n[threads]\nbots = "all"\n')
    done = reload(running)
    assert done.applied == ("access.channels", "access.users", "threads.mention", "threads.bots")
    assert done.waiting == ()
    assert done.config.rules.users.everyone
    assert done.config.rules.channels == frozenset({1, 2})
    assert told(done) == "Applied: access.channels, access.users, threads.mention, threads.bots."
    assert done.config.file == running.file


@pytest.mark.parametrize("key", ["users", "approvers", "admins"])
def test_a_person_removed_from_a_list_loses_the_right_immediately(tmp_path: Path, key: str) -> None:
    """For each of the lists."""
    running = loaded(tmp_path, f'[access]\n{key} = ["1", "2"]\n')
    loaded(tmp_path, f'[access]\n{key} = ["1"]\n')
    done = reload(running)
    assert done.applied == (f"access.{key}",)
    assert getattr(done.config.rules, key).user_ids == frozenset({1})


def test_what_needs_a_restart_is_named_and_left_as_it_was(tmp_path: Path) -> None:
    """Also in a table with reloadable keys."""
    running = loaded(tmp_path)
    beginning = BEGINNING.replace('"sh"', '"env"').replace("t0ken", "another")
    loaded(tmp_path, "[access]\ndm = true\n[pool]\nmax_agents = 3\n", beginning=beginning)
    done = reload(running)
    assert done.applied == ()
    assert done.waiting == ("discord.token", "access.dm", "agents.default.command", "pool.max_agents")
    assert done.config == running
    assert "needs a restart" in told(done)
    assert "another" not in told(done)


def test_a_channels_table_is_reloadable_unless_it_names_a_new_agent(tmp_path: Path) -> None:
    """New, changed and removed tables; a new agent needs a restart, and so does its channel."""
    running = loaded(tmp_path, '[channels.1]\nmode = "a"\n[channels.2]\nmode = "b"\n[channels.3]\nmode = "c"\n')
    new = '[agents.new]\ncommand = "sh"\ncwd = "project"\n'
    loaded(tmp_path, new + '[channels.1]\nmode = "x"\n[channels.2]\nagent = "new"\n[channels.4]\nagents = ["new"]\n')
    done = reload(running)
    assert {channel_id: each.mode for channel_id, each in done.config.channels.items()} == {1: "x", 2: "b"}
    assert set(done.applied) == {"channels.1.mode", "channels.3"}
    assert set(done.waiting) == {"agents.new", "channels.2.agent", "channels.2.mode", "channels.4"}


@pytest.mark.parametrize("text", ["[access]\nuser = []\n", "no TOML", "[access]\nusers = ['nobody']\n"])
def test_a_wrong_file_changes_nothing_and_says_why(tmp_path: Path, text: str) -> None:
    """With the line, as at the start."""
    running = loaded(tmp_path)
    running.file.write_text(BEGINNING + text)
    done = reload(running)
    assert done.config is running
    assert (done.applied, done.waiting) == ((), ())
    assert str(running.file) in told(done)
    assert told(done).startswith("The configuration has errors, so nothing has changed:\n")


def test_a_file_that_says_the_same_changes_nothing(tmp_path: Path) -> None:
    """Comments do not matter."""
    running = loaded(tmp_path, '[channels.1]\nmode = "a"\n')
    loaded(tmp_path, '# The same.\n[channels.1]\nmode = "a"\n')
    done = reload(running)
    assert done == Reloaded(running)
    assert told(done) == "Nothing has changed in the configuration."


def test_every_reloadable_key_exists(tmp_path: Path) -> None:
    """A renamed key is renamed here too."""
    config = loaded(tmp_path)
    for table, keys in RELOADABLE.items():
        assert keys <= set(type(getattr(config, table)).model_fields)
    assert apply_reloadable(config, config).config == config


# ---- in words


def nameless(_some_id: int) -> str:
    """Know no name."""
    return ""


@pytest.mark.parametrize(
    ("channels", "direct", "said"),
    [
        (["#general"], False, "ready: mention @threadline in #general"),
        (["#a", "#b"], True, "ready: mention @threadline in #a, #b, or send @threadline a direct message"),
        ([], True, "ready: send @threadline a direct message"),
        ([], False, "ready, but the bot cannot see any of its channels: run threadline check"),
        ([f"#{n}" for n in range(11)], False, "#9, 1 more channel"),
        ([f"#{n}" for n in range(12)], False, "#9, 2 more channels"),
    ],
)
def test_the_end_of_a_start_says_what_a_person_has_to_do(channels: list[str], direct: bool, said: str) -> None:  # noqa: FBT001
    """In one line; many channels are counted."""
    assert ready("threadline", channels, direct=direct).endswith(said)


def test_the_rules_say_in_words_who_may_do_what(tmp_path: Path) -> None:
    """Places, people by each kind of entry, mentions, bots."""
    text = """\
[access]
guilds = ["9"]
channels = ["1", "2"]
users = ["role:7", "5", "owner"]
admins = []
dm = true
[threads]
mention = "shared"
bots = "mentions"
trusted_bots = ["8"]
"""
    names = {1: "#general", 7: "@dev", 9: "Lab"}
    assert list(describe_rules(loaded(tmp_path, text).rules, lambda some_id: names.get(some_id, ""))) == [
        (
            "The bot works in the channels #general (1), 2 of the servers Lab (9) and in direct messages."
            " In its own threads, messages need no mention unless another bot is there."
        ),
        "Users, who may talk to the bot and stop their own turns: the bot's owner, users 5, roles @dev (7).",
        (
            "Approvers, users who may also answer an agent's questions, stop any turn, change what an agent may do"
            " without asking, and end other people's conversations: the person who made the request."
        ),
        "Admins, who may also reload the configuration and resume any session: no one.",
        "The bot answers the bots and webhooks 8, if the message mentions it, up to 10 times until a person writes.",
    ]


@pytest.mark.parametrize(
    ("access", "said"),
    [
        ("", "The bot does not work in any channel."),
        ('guilds = ["9"]\nchannels = ["*"]', "The bot works in all channels of the servers 9."),
        ("dm = true", "The bot works in direct messages."),
        ('channels = ["3"]', "The bot works in the channels 3."),
    ],
)
def test_places_are_said_in_words(tmp_path: Path, access: str, said: str) -> None:
    """None, all, direct messages only."""
    first, *others = describe_rules(loaded(tmp_path, f"[access]\n{access}\n").rules, nameless)
    assert first.startswith(said)
    assert not any("bots and webhooks" in each for each in others)


def test_everybody_is_said_as_such(tmp_path: Path) -> None:
    """A star includes all other entries."""
    rules = loaded(tmp_path, '[access]\nusers = ["*", "5"]\n').rules
    assert rules.users == People(frozenset({5}), everyone=True, entries=("*", "5"))
    assert "their own turns: everybody." in list(describe_rules(rules, nameless))[1]
