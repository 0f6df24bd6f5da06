"""The configuration file: every key and its default, and one clear line for each possible mistake."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from bot.access.gate import People, Rules
from bot.config import error_texts as texts
from bot.config.appearance import Reactions, Style
from bot.config.document import ConfigError
from bot.config.load import load
from bot.config.mcp_servers import ServerConfig
from bot.config.requirements import warnings
from bot.config.schema import ChannelConfig, Config
from bot.config.secrets import secrets_of

SECRET = "MTIz.secret.value"

SMALLEST = """\
[discord]
token = "${DISCORD_TOKEN}"
[agents.default]
command = "sh"
cwd = "project"
"""


def written(folder: Path, text: str) -> Path:
    """Write the file."""
    (folder / "project").mkdir(exist_ok=True)
    path = folder / "threadline.toml"
    path.write_text(text, encoding="utf-8")
    return path


def loaded(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> Config:
    """Load that text; the only variable is the token's."""
    return load(written(folder, text), {"DISCORD_TOKEN": SECRET} if environ is None else environ)


def complaint(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> str:
    """Return the one line of the error, without the folder."""
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text, environ)
    (line,) = str(caught.value).splitlines()
    assert SECRET not in line
    return line.removeprefix(f"{folder}/")


# ---- what can be set


def test_every_key_can_be_set(tmp_path: Path) -> None:
    """Each reaches the model."""
    text = f"""\
[discord]
token = "{SECRET}"
endpoint = "http://127.0.0.1:8377"
proxy = "http://proxy.example:3128"
[access]
guilds = ["1", 2]
channels = ["3"]
users = ["4", "role:5", "owner"]
approvers = ["*"]
admins = []
dm = true
[agents.default]
preset = ""
command = "./agent"
args = ["--acp", "x"]
wrap = ["env", "{{cwd}}"]
cwd = "work"
places = ["here"]
memory = "1GiB"
env = {{ NAME = "value" }}
inherit_env = ["EDITOR"]
permission = "ask"
mode = "plan"
client = ["fs"]
mcp_servers = [{{ name = "wiki", url = "https://wiki.example/mcp" }}]
additional_directories = ["work"]
warm = 2
ceiling_minutes = 7.5
[agents.default.sandbox]
engine = "off"
network = "none"
read = ["work"]
write = ["work/agent"]
state = "shared"
[channels.3]
agent = "default"
agents = ["default"]
cwd = "{tmp_path}/work"
mode = "careful"
permission = "ask"
places = ["worker1"]
[places.worker1]
engine = "docker"
host = "agents@worker1"
options = ["--network=none"]
image = "agents:1"
namespace = "agents"
pod = {{ priority = 1 }}
enter = ["enter"]
inside = ["inside"]
waiting = ["waiting"]
reap = ["reap"]
runner = ["threadline", "runner"]
inherit_env = ["EDITOR"]
files = "/srv/files"
max_agents = 2
memory = "4GiB"
keep_alive_seconds = 6
start_minutes = 60
[pool]
max_agents = 3
idle_minutes = 0.5
max_memory = "1.5GiB"
max_memory_per_agent = "512MiB"
per_user = 4
per_thread = 5
per_minute = 6
silence_seconds = 30
question_hours = 0.25
reminder_hours = 0
[catch_up]
hours = 48
messages = 10
[reply]
tables = "bullets"
tools = "full"
thoughts = "spoiler"
finish = "ping"
max_pages = 0
long_code_lines = 50
components = "plain"
[reactions]
enabled = false
keep = false
progress = true
[threads]
mention = "shared"
mention_roles = ["6"]
bots = "mentions"
trusted_bots = ["7", "8"]
bot_turns = 3
busy = "steer"
introduction = false
directory = "exclusive"
auto_archive_minutes = 60
[journal]
path = "state/journal.db"
[audit]
path = "state/audit.jsonl"
[metrics]
listen = "127.0.0.1:9464"
"""
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "agent").touch(mode=0o755)
    config = loaded(tmp_path, text)
    assert {key for key, _ in values(config)} == set(keys(tomllib.loads(text)))
    work = str(tmp_path / "work")
    channel = ChannelConfig(
        agent="default", agents=("default",), cwd=work, mode="careful", permission="ask", places=("worker1",)
    )
    assert config.channels == {3: channel}
    assert config.rules == Rules(
        guilds=frozenset({1, 2}),
        channels=frozenset({3}),
        users=People(frozenset({4}), frozenset({5}), owner=True, entries=("4", "role:5", "owner")),
        approvers=People(everyone=True, entries=("*",)),
        admins=People(),
        dm=True,
        mention="shared",
        mention_roles=frozenset({6}),
        bots="mentions",
        trusted_bots=frozenset({7, 8}),
        bot_turns=3,
    )
    agent = config.agents.default
    assert agent.wrap == ("env", "{cwd}")
    assert (agent.command, agent.args, agent.cwd) == ("./agent", ("--acp", "x"), tmp_path / "work")
    assert (agent.env, agent.inherit_env, agent.mode) == ({"NAME": "value"}, ("EDITOR",), "plan")
    assert (sorted(agent.client), agent.additional_directories) == (["fs"], (tmp_path / "work",))
    assert agent.mcp_servers == (ServerConfig(name="wiki", type="http", url="https://wiki.example/mcp"),)
    assert (agent.warm, agent.ceiling_minutes) == (2, 7.5)
    box = agent.sandbox
    assert (box.network, box.state) == ("none", "shared")
    assert (box.read, box.write) == ((tmp_path / "work",), (tmp_path / "work" / "agent",))
    pool = config.pool
    assert (pool.max_agents, pool.idle_minutes, pool.max_memory) == (3, 0.5, 3 * 1024**3 // 2)
    assert pool.max_memory_per_agent == 512 * 1024**2
    assert (pool.per_user, pool.per_thread, pool.per_minute) == (4, 5, 6)
    assert (pool.silence_seconds, pool.question_hours, pool.reminder_hours) == (30, 0.25, 0)
    assert (config.catch_up.hours, config.catch_up.messages) == (48, 10)
    assert config.metrics.address == ("127.0.0.1", 9464)
    reply = {
        "tables": "bullets",
        "tools": "full",
        "thoughts": "spoiler",
        "max_pages": 0,
        "long_code_lines": 50,
        "components": "plain",
    }
    assert config.reply.style("/p") == Style.model_validate({**reply, "finish": "ping", "directory": "/p"})
    assert config.reactions == Reactions(enabled=False, keep=False, progress=True)
    assert config.threads.auto_archive_minutes == 60
    assert (config.threads.introduction, config.threads.directory) == (False, "exclusive")
    assert config.journal.file == tmp_path / "state" / "journal.db"
    assert config.audit.file == tmp_path / "state" / "audit.jsonl"
    assert config.audit.file in config.own_files
    assert config.discord.endpoint == "http://127.0.0.1:8377"


def test_a_star_means_all_channels_of_the_guilds(tmp_path: Path) -> None:
    """It becomes None in the rules, which means no bound to the gate."""
    config = loaded(tmp_path, SMALLEST + '[access]\nguilds = ["1"]\nchannels = ["*"]\n')
    assert config.rules.channels is None


def test_the_agents_environment_holds_no_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fixed base, inherited names, and given variables only."""
    monkeypatch.setenv("DISCORD_TOKEN", SECRET)
    monkeypatch.setenv("EDITOR", "ed")
    monkeypatch.setenv("SOMETHING_ELSE", "1")
    extra = 'inherit_env = ["EDITOR", "NOT_SET"]\nenv = { MORE = "${EDITOR}!" }\n'
    environment = loaded(tmp_path, SMALLEST + extra, {"DISCORD_TOKEN": SECRET, "EDITOR": "ed"}).agents.default
    found = environment.environment()
    assert (found["EDITOR"], found["MORE"]) == ("ed", "ed!")
    base = {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR"}
    assert found.keys() - base == {"EDITOR", "MORE"}
    assert SECRET not in found.values()


def test_the_journal_goes_into_the_state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """XDG's, or its default."""
    config = loaded(tmp_path, SMALLEST)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert config.journal.file == tmp_path / "state" / "threadline" / "threadline.db"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert config.journal.file == tmp_path / ".local" / "state" / "threadline" / "threadline.db"


def test_lists_that_allow_nobody_are_warned_about(tmp_path: Path) -> None:
    """Legal, but hardly intended."""
    config = loaded(tmp_path, SMALLEST + "[access]\nusers = []\nadmins = []\napprovers = []\n")
    assert warnings(config) == [
        "[access] users is empty; no one is allowed",
        "[access] admins is empty; no one is allowed",
        texts.ONLY_ADMINS,
        texts.NO_CHANNELS,
    ]
    listed = SMALLEST + '[access]\nchannels = ["1"]\n'
    assert warnings(loaded(tmp_path, listed)) == []
    assert warnings(loaded(tmp_path, listed + '[threads]\nbots = "all"\n')) == [texts.NO_BOTS]


def test_settings_of_a_channel_that_is_not_listed_are_warned_about(tmp_path: Path) -> None:
    """They grant no access there."""
    config = loaded(tmp_path, SMALLEST + '[access]\nchannels = ["1"]\n[channels.1]\n[channels.2]\n')
    assert warnings(config) == ["[channels.2] has no effect; [access] channels does not list this channel"]


def test_there_may_be_several_agents_and_each_is_looked_at(tmp_path: Path) -> None:
    """By the names of their tables, the default first; an error names its agent."""
    other = "[agents.other]\ncommand = 'sh'\ncwd = '{}'\n"
    config = loaded(tmp_path, SMALLEST + other.format("project"))
    assert list(config.agents.by_name) == ["default", "other"]
    assert complaint(tmp_path, SMALLEST + other.format("no-such")).endswith(
        f"[agents.other] cwd: {texts.no_directory(tmp_path / 'no-such')}"
    )
    assert '"a b" cannot be the name of an agent' in complaint(tmp_path, SMALLEST + "[agents.'a b']\ncommand = 'sh'\n")


def test_a_channels_directory_is_seen_from_the_files_folder(tmp_path: Path) -> None:
    """Like an agent's."""
    (tmp_path / "work").mkdir()
    config = loaded(tmp_path, SMALLEST + "[channels.5]\ncwd = 'work'\n[channels.6]\nmode = 'plan'\n")
    assert (config.channels[5].cwd, config.channels[6].cwd) == (str(tmp_path / "work"), "")


def test_the_token_shows_in_no_representation(tmp_path: Path) -> None:
    """A printed configuration contains no secret."""
    config = loaded(tmp_path, SMALLEST)
    assert SECRET not in f"{config!r} {config} {config.discord.token}"
    assert secrets_of(config) == (SECRET,)


# ---- what can be wrong

# A key to set or add, its value as TOML, and what is said about it.
TOO_LONG = "x" * 300  # A directory that even root cannot look up.

WRONG_VALUES = [
    ("discord.token", '""', texts.EMPTY),
    ("discord.token", '"  "', texts.EMPTY),
    ("discord.token", "5", texts.NOT_TEXT),
    ("discord.endpoint", '"127.0.0.1:8377"', texts.NOT_AN_ADDRESS),
    ("discord.endpoint", '"http://127.0.0.1/api"', texts.NOT_AN_ADDRESS),
    ("discord.endpoint", '"http://discord.example:8377"', texts.UNENCRYPTED),
    ("discord.endpoint", '"http://127.0.0.1@discord.example"', texts.UNENCRYPTED),
    ("discord.endpoint", '"http://localhost.example"', texts.UNENCRYPTED),
    ("discord.tokn", '"x"', "unknown key; did you mean token?"),
    ("access.user", '["*"]', "unknown key; did you mean users?"),
    ("access.guilds", '"1"', texts.NOT_A_LIST),
    ("access.guilds", '["one"]', texts.NOT_AN_ID),
    ("access.channels", '["-5"]', texts.NOT_AN_ID),
    ("access.channels", "[true]", texts.NOT_AN_ID),
    ("access.channels", "[1.5]", texts.NOT_AN_ID),
    ("access.channels", '["5", "*"]', texts.NOT_AN_ID),
    ("access.channels", '["*"]', texts.STAR_NEEDS_GUILDS),
    ("access.channels", '"*"', texts.NOT_A_LIST),
    ("access.users", '"*"', texts.NOT_A_LIST),
    ("access.users", '["bob"]', 'entry 1 is not valid; write a user ID, "role:ID", "*", "owner"'),
    ("access.users", '["5", "asker"]', 'entry 2 is not valid; write a user ID, "role:ID", "*", "owner"'),
    ("access.users", '["role:mods"]', 'entry 1 is not valid; write a user ID, "role:ID", "*", "owner"'),
    ("access.users", '[["owner"]]', 'entry 1 is not valid; write a user ID, "role:ID", "*", "owner"'),
    ("access.users", "[{}]", 'entry 1 is not valid; write a user ID, "role:ID", "*", "owner"'),
    ("access.approvers", '["askers"]', 'entry 1 is not valid; write a user ID, "role:ID", "*", "asker", "owner"'),
    ("access.admins", '["asker"]', 'entry 1 is not valid; write a user ID, "role:ID", "*", "owner"'),
    ("agents.default.command", '""', texts.EMPTY),
    (
        "agents.default.command",
        '"no-such-agent"',
        texts.command_not_found("no-such-agent", ""),
    ),
    (
        "agents.default.command",
        '"./no-such-agent"',
        texts.command_not_found("./no-such-agent", ""),
    ),
    ("agents.default.args", '"--acp"', texts.NOT_A_LIST),
    ("agents.default.args", "[1]", texts.NOT_TEXT),
    (
        "agents.default.cwd",
        '"/no/such/folder"',
        texts.no_directory(Path("/no/such/folder")),
    ),
    (
        "agents.default.cwd",
        '"~no-such-user/x"',
        texts.no_directory(Path("{folder}/~no-such-user/x")),
    ),
    (
        "agents.default.cwd",
        '"line\\nfeed"',
        texts.no_directory(Path("{folder}/line\\nfeed")),
    ),
    ("agents.default.cwd", f'"/{TOO_LONG}"', f"the directory /{TOO_LONG} cannot be entered: File name too long"),
    ("agents.default.cwd", "5", texts.NOT_A_PATH),
    ("agents.default.env", '"A=1"', texts.NOT_A_TABLE),
    ("agents.default.env", "{ A = 1 }", texts.NOT_TEXT),
    ("agents.default.permission", '"allow"', 'is not valid; choose one of: "ask", "allow_reads", "allow_all", "deny"'),
    ("agents.default.clients", "[]", "unknown key; did you mean client?"),
    ("agents.default.client", '["net"]', 'is not valid; choose one of: "fs", "terminal"'),
    ("agents.default.additional_directories", '"."', texts.NOT_A_LIST),
    (
        "agents.default.additional_directories",
        '["no"]',
        texts.no_directory(Path("{folder}/no")),
    ),
    (
        "agents.default.additional_directories",
        f'["/{TOO_LONG}"]',
        f"the directory /{TOO_LONG} cannot be entered: File name too long",
    ),
    ("agents.default.warm", "-1", "must be at least 0"),
    ("agents.default.ceiling_minutes", "0", "must be more than 0"),
    ("agents.other", "1", texts.AGENT_NEEDS_TABLE),
    ("channels.5.agent", '"nobody"', 'there is no agent "nobody"; choose one of: default'),
    ("channels.5.agents", '["default", "nobody"]', 'there is no agent "nobody"; choose one of: default'),
    (
        "channels.5.cwd",
        '"/no/such/folder"',
        texts.no_directory(Path("/no/such/folder")),
    ),
    ("channels.5.cwd", f'"/{TOO_LONG}"', f"the directory /{TOO_LONG} cannot be entered: File name too long"),
    ("channels.5.permission", '"never"', 'is not valid; choose one of: "ask", "allow_reads", "allow_all", "deny"'),
    ("pool.max_agents", "0", "must be at least 1"),
    ("pool.max_agents", '"many"', texts.NOT_WHOLE),
    ("pool.idle_minutes", "0", "must be more than 0"),
    ("pool.idle_minutes", "nan", "must be more than 0"),
    ("pool.max_memory", '"4GB"', texts.NOT_A_SIZE),
    ("pool.max_memory", "true", texts.NOT_A_SIZE),
    ("pool.per_thread", "0", "must be at least 1"),
    ("pool.silence_seconds", "0", "must be more than 0"),
    ("catch_up.hours", "337", "must be at most 336"),
    ("catch_up.messages", "0", "must be at least 1"),
    ("metrics.listen", '"9464"', texts.NOT_A_LISTENER),
    ("metrics.listen", '":9464"', texts.NOT_A_LISTENER),
    ("metrics.listen", '"localhost"', texts.NOT_A_LISTENER),
    ("metrics.listen", '"::1:80"', texts.NOT_A_LISTENER),
    ("metrics.listen", '"http://127.0.0.1:80"', texts.NOT_A_LISTENER),
    ("metrics.listen", '"127.0.0.1:65536"', texts.NOT_A_LISTENER),
    ("reactions.enabled", '"perhaps"', texts.NOT_A_SWITCH),
    ("threads.directory", '"mine"', 'is not valid; choose one of: "shared", "exclusive"'),
    ("threads.auto_archive_minutes", "61", "is not valid; choose one of: 60, 1440, 4320, 10080"),
    ("journal.path", "[]", texts.NOT_TEXT),
]


@pytest.mark.parametrize(
    ("written_as", "size"),
    [("0", 0), ("5000", 5000), ('"2KiB"', 2048), ('"3 MiB"', 3 * 1024**2), ('"4GiB"', 4 * 1024**3)],
)
def test_a_size_is_bytes_or_has_its_unit(tmp_path: Path, written_as: str, size: int) -> None:
    """Units are powers of 1024, and named so."""
    assert loaded(tmp_path, f"{SMALLEST}[pool]\nmax_memory = {written_as}\n").pool.max_memory == size


@pytest.mark.parametrize(
    ("listen", "address"), [("", None), ("localhost:0", ("localhost", 0)), ("[::1]:9464", ("::1", 9464))]
)
def test_an_address_is_a_host_and_a_port(tmp_path: Path, listen: str, address: tuple[str, int] | None) -> None:
    """An empty one disables the server; an IPv6 host is in brackets."""
    assert loaded(tmp_path, f'{SMALLEST}[metrics]\nlisten = "{listen}"\n').metrics.address == address


@pytest.mark.parametrize(("key", "value", "reason"), WRONG_VALUES, ids=lambda part: part[:40])
def test_a_wrong_value_is_one_line_with_file_line_and_key(tmp_path: Path, key: str, value: str, reason: str) -> None:
    """`file:line: [table] key: reason`, with the key's own line."""
    table, _, name = key.rpartition(".")
    lines = [line for line in SMALLEST.splitlines() if table == "channels.5" or not line.startswith(f"{name} ")]
    header = f"[{table}]"
    if header not in lines:
        lines.append(header)
    number = lines.index(header) + 1
    lines.insert(number, f"{name} = {value}")
    line = complaint(tmp_path, "\n".join(lines))
    place = f"{header} {name}"
    if reason == texts.STAR_NEEDS_GUILDS:  # said of the table: the key that is missing is another one
        place, number = header, number - 1
    elif key == "agents.other":
        place = "[agents.other]"
    found = re.fullmatch(r"threadline\.toml:(\d+): (\[.*?\].*?)(?:, entry \d|, A)?: (.*)", line)
    assert found is not None, line
    assert (int(found[1]), found[2], found[3]) == (number + 1, place, reason.format(folder=tmp_path))


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ("[acess]\nchannels = []\n", "6: [acess]: unknown table; did you mean [access]?"),
        ("[acess.inner]\nx = 1\n", "6: [acess]: unknown table; did you mean [access]?"),
        ("top = 1\n", "6: [agents.default] top: unknown key; choose one of: preset, command, args, "),
        ("max_agents = 1\n", "6: [agents.default] max_agents: unknown key; it belongs in [pool]"),
        (
            "[agents.second]\ncommand = 'sh'\ncwd = 'project'\npermision = 'ask'\n",
            "9: [agents.second] permision: unknown key; did you mean permission?",
        ),
        (
            "[channels.5]\nagent = 'default'\ncolour = 'red'\n",
            "8: [channels.5] colour: unknown key; choose one of: agent, agents, cwd, mode, permission",
        ),
        ("[pool.inner]\nkey = 1\n", "6: [pool] inner: unknown key; choose one of: max_agents, "),
        ("[[access.users]]\nx = 1\n", ""),
        ('[access]\n"us ers" = []\n', '7: [access] "us ers": unknown key; did you mean users?'),
        ('[access]\n"a\\nb" = []\n', '6: [access] "a\\nb": unknown key; choose one of: guilds, '),
    ],
)
def test_an_unknown_key_or_table_is_refused_at_any_depth(tmp_path: Path, extra: str, said: str) -> None:
    """A mistyped one is never ignored; the line says which one may be meant, or where the key belongs."""
    assert complaint(tmp_path, SMALLEST + extra).startswith(f"threadline.toml:{said}")


def test_a_key_outside_all_tables_is_told_where_it_belongs(tmp_path: Path) -> None:
    """The first table begins below it."""
    assert complaint(tmp_path, f"max_agents = 1\n{SMALLEST}") == (
        "threadline.toml:1: max_agents: this key is outside a table; move it below [pool]"
    )
    said = complaint(tmp_path, f"{SMALLEST}[agents]\ncwd = 'project'\n")
    assert said == f"threadline.toml:7: [agents.cwd]: {texts.AGENT_NEEDS_TABLE}"


@pytest.mark.parametrize(
    ("left_out", "said"),
    [
        ("token", '1: [discord] token: is missing; add token = "${DISCORD_TOKEN}"'),
        (
            "command",
            '3: [agents.default] command: is missing; add the agent\'s command, or a preset such as preset = "claude"',
        ),
        (
            "cwd",
            '3: [agents.default] cwd: is missing; add the folder in which the agent works, such as cwd = "~/project"',
        ),
    ],
)
def test_a_missing_key_is_named_with_its_table(tmp_path: Path, left_out: str, said: str) -> None:
    """The line is that of its table; behind it stands what to add."""
    kept = [line for line in SMALLEST.splitlines() if not line.startswith(left_out)]
    assert complaint(tmp_path, "\n".join(kept)) == f"threadline.toml:{said}"


def test_a_missing_table_is_named_with_the_line_below_which_it_can_be_added(tmp_path: Path) -> None:
    """The last one, or that of the table around it."""
    missing = texts.MISSING_TABLE
    rest = SMALLEST[SMALLEST.index("[agents") :]
    assert complaint(tmp_path, rest) == f"threadline.toml:3: [discord]: {missing}"
    token = '[discord]\ntoken = "t"\n'
    assert complaint(tmp_path, f"{token}[agents]\n") == f"threadline.toml:3: [agents.default]: {missing}"
    assert complaint(tmp_path, token) == f"threadline.toml:2: [agents]: {missing}"


def test_several_mistakes_are_several_lines_in_the_order_of_the_file(tmp_path: Path) -> None:
    """One run shows them all: of the values, of unset variables, and of this machine; one for each key."""
    text = SMALLEST.replace('"project"', '"no-such/${NOT_SET}"').replace('"sh"', '"sh -c true"')
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, f"{text}[pool]\nmax_agents = 0\nmax_agent = 1\nper_user = '${{NUMBER}}'\n", {})
    assert [line.partition(".toml:")[2] for line in str(caught.value).splitlines()] == [
        f"2: [discord] token: {texts.variable_not_set('DISCORD_TOKEN')}",
        '4: [agents.default] command: arguments belong in args; write command = "sh" and args = ["-c", "true"]',
        f"5: [agents.default] cwd: {texts.variable_not_set('NOT_SET')}",
        "7: [pool] max_agents: must be at least 1",
        "8: [pool] max_agent: unknown key; did you mean max_agents?",
        f"9: [pool] per_user: {texts.variable_not_set('NUMBER')}",
    ]


def test_a_file_that_is_not_toml_is_said_to_be_so(tmp_path: Path) -> None:
    """With the place of the mistake."""
    said = complaint(tmp_path, "[discord]\ntoken = oops\n")
    assert said.startswith("threadline.toml:2: this is not valid TOML: Invalid value; check ")
    assert complaint(tmp_path, '[discord]\ntoken = """t').startswith("threadline.toml:2: this is not valid TOML: ")


def test_a_file_that_cannot_be_read_is_said_to_be_so(tmp_path: Path) -> None:
    """Missing, a folder, or not text."""
    for path, reason in ((tmp_path / "none.toml", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigError) as caught:
            load(path, {})
        assert str(caught.value) == f"{path}: cannot be read: {reason}"
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read: 'utf-8' codec"):
        load(binary, {})


# ---- variables


def test_an_unset_variable_is_an_error_with_its_name(tmp_path: Path) -> None:
    """With the line of the value that needs it."""
    said = complaint(tmp_path, SMALLEST, {})
    assert said == f"threadline.toml:2: [discord] token: {texts.variable_not_set('DISCORD_TOKEN')}"


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("${A}", "1"),
        ("${A}${B}", "1two"),
        ("x${A}y", "x1y"),
        ("$${A}", "${A}"),
        ("$${", "${"),
        ("$$${A}", "$${A}"),
        ("$A", "$A"),
        ("$", "$"),
        ("${}", "${}"),
        ("${a b}", "${a b}"),
        ("${SELF}", "${A}"),
    ],
)
def test_variables_are_replaced_once_and_only_in_their_form(tmp_path: Path, value: str, meant: str) -> None:
    """`$${` is a literal `${`; a variable's value is not expanded again."""
    environ = {"DISCORD_TOKEN": SECRET, "A": "1", "B": "two", "SELF": "${A}"}
    config = loaded(tmp_path, f'{SMALLEST}mode = "{value}"\n', environ)
    assert config.agents.default.mode == meant


def test_variables_are_replaced_in_lists_and_tables(tmp_path: Path) -> None:
    """In any text, also where a key takes a number."""
    text = SMALLEST + 'args = ["-x", "${A}"]\nenv = { KEY = "${A}" }\n[access]\nchannels = ["${A}"]\n'
    config = loaded(tmp_path, text + '[pool]\nmax_agents = "${A}"\n', {"DISCORD_TOKEN": SECRET, "A": "12"})
    agent = config.agents.default
    assert (agent.args, agent.env, config.access.channels) == (("-x", "12"), {"KEY": "12"}, frozenset({12}))
    assert config.pool.max_agents == 12


@given(secret=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_whatever_a_secret_holds_it_arrives_unchanged(tmp_path_factory: pytest.TempPathFactory, secret: str) -> None:
    """Quotes, line feeds, brackets, `${`: expansion happens after parsing."""
    folder = tmp_path_factory.mktemp("secret")
    if secret.strip():
        assert loaded(folder, SMALLEST, {"DISCORD_TOKEN": secret}).discord.token.get_secret_value() == secret
    else:
        said = complaint(folder, SMALLEST, {"DISCORD_TOKEN": secret})
        assert said == f"threadline.toml:2: [discord] token: {texts.EMPTY}"


SECRET_PLACES = [
    ("discord", 'endpoint = "${S}"'),
    ("access", 'guilds = ["${S}"]'),
    ("access", 'channels = ["${S}"]'),
    ("access", 'users = ["${S}", "role:${S}"]'),
    ("agents.default", 'permission = "${S}"'),
    ("pool", 'max_agents = "${S}"'),
    ("pool", 'max_memory = "${S}"'),
    ("metrics", 'listen = "${S}"'),
    ("reactions", 'enabled = "${S}"'),
    ("threads", 'auto_archive_minutes = "${S}"'),
]


@pytest.mark.parametrize(("table", "line"), SECRET_PLACES, ids=lambda part: part[:20])
@given(secret=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=12))
def test_a_secret_in_the_wrong_place_is_refused_without_being_shown(
    tmp_path_factory: pytest.TempPathFactory, table: str, line: str, secret: str
) -> None:
    """The reason never repeats a variable's value."""
    header = f"[{table}]"
    text = SMALLEST if header in SMALLEST else f"{SMALLEST}{header}\n"
    text = text.replace(header, f"{header}\n{line}")
    secret = f"s\u00e9cret{secret}"
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path_factory.mktemp("shown"), text, {"DISCORD_TOKEN": SECRET, "S": secret})
    assert secret not in str(caught.value)
    assert "s\u00e9cret" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def values(table: BaseModel, above: str = "") -> Iterator[tuple[str, Any]]:
    """Return the dotted keys of a configuration and their values; the token in clear."""
    for name in type(table).model_fields:
        value = getattr(table, name)
        if isinstance(value, BaseModel):
            yield from values(value, f"{above}{name}.")
        elif name in {"channels", "places"} and not above and value:
            for part, each in value.items():
                yield from values(each, f"{name}.{part}.")
        else:
            yield f"{above}{name}", getattr(value, "get_secret_value", lambda value=value: value)()


def keys(table: dict[str, Any], above: str = "") -> Iterator[str]:
    """Return the dotted keys of a TOML document; a table that is a value (`env`, `pod`) is one key."""
    for name, value in table.items():
        if isinstance(value, dict) and name not in {"env", "pod"}:
            yield from keys(value, f"{above}{name}.")
        else:
            yield f"{above}{name}"
