"""MCP servers in the configuration: every form, what an agent gets of it, and what can be wrong."""

import os
from pathlib import Path

import pytest

from acp.schema import EnvVariable, HttpHeader, McpServer, McpServerHttp, McpServerSse, McpServerStdio
from bot.config.document import ConfigError
from bot.config.load import load

AGENT = """\
[discord]
token = "x"
[agents.default]
command = "sh"
cwd = "project"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create a project, with one program, `mcp-files`, on PATH and one in the project."""
    (tmp_path / "project").mkdir()
    (tmp_path / "mcp-files").touch(mode=0o755)
    (tmp_path / "project" / "serve").touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}{os.pathsep}{tmp_path}")
    return tmp_path


def given(folder: Path, text: str) -> tuple[McpServer, ...]:
    """Return the servers that sessions get with that text below the agent's own keys."""
    path = folder / "threadline.toml"
    path.write_text(AGENT + text)
    return load(path, {"KEY": 'a "quoted" key'}).agents.default.client_offer("m/1").mcp_servers


TABLES = """
[[agents.default.mcp_servers]]
name = "files"
command = "mcp-files"
args = ["--root", "."]
env = { KEY = "${KEY}" }
[[agents.default.mcp_servers]]
name = "own"
command = "./serve"
[[agents.default.mcp_servers]]
name = "wiki"
url = "https://wiki.example/mcp"
headers = { Authorization = "Bearer ${KEY}" }
[[agents.default.mcp_servers]]
name = "old"
type = "sse"
url = "http://127.0.0.1:9000/sse?a=b"
"""


def test_programs_on_another_machine_are_not_looked_for_here(folder: Path) -> None:
    """Its agent finds them; only a path relative to its directory is made absolute."""
    given(folder, TABLES)
    servers = load(folder / "threadline.toml", {"KEY": "k"}).agents.default.far_offer().mcp_servers
    commands = [each.command for each in servers if isinstance(each, McpServerStdio)]
    assert commands == ["mcp-files", str(folder / "project" / "./serve")]
    assert len(servers) == 4


def test_each_kind_of_server_goes_into_sessions(folder: Path) -> None:
    """Programs by absolute path, as the protocol requires; tables become lists; variables are replaced."""
    assert given(folder, TABLES) == (
        McpServerStdio(
            name="files",
            command=str(folder / "mcp-files"),
            args=["--root", "."],
            env=[EnvVariable(name="KEY", value='a "quoted" key')],
        ),
        McpServerStdio(name="own", command=str(folder / "project" / "serve")),
        McpServerHttp(
            name="wiki",
            url="https://wiki.example/mcp",
            headers=[HttpHeader(name="Authorization", value='Bearer a "quoted" key')],
        ),
        McpServerSse(name="old", url="http://127.0.0.1:9000/sse?a=b"),
    )


def test_servers_may_stand_in_one_line(folder: Path) -> None:
    """TOML has two forms of a list of tables."""
    inline = 'mcp_servers = [{ name = "own", command = "./serve" }, { name = "w", url = "http://w" }]\n'
    assert [server.name for server in given(folder, inline)] == ["own", "w"]


SERVER = "[[agents.default.mcp_servers]]\n"
FIRST = f'{SERVER}name = "first"\ncommand = "mcp-files"\n'
"""Lines 6 to 8."""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'{SERVER}name = "a"\n', "6: entry 1: a server of type stdio needs command"),
        (f'{SERVER}command = "sh"\n', "6: entry 1, name: is missing"),
        (f'{FIRST}{SERVER}name = ""\n', "10: entry 2, name: is empty"),
        (
            f'{FIRST}{SERVER}name = "a"\ncomand = "sh"\n',
            "11: entry 2, comand: unknown key; did you mean command?",
        ),
        (
            f'{FIRST}{SERVER}name = "a"\ncommand = "no-such"\n',
            '11: entry 2, command: the command "no-such" was not found',
        ),
        (
            f'{SERVER}name = "a"\nurl = "http://a"\ncommand = "sh"\n',
            "6: entry 1: a server of type http has no command",
        ),
        (
            f'{SERVER}name = "a"\ncommand = "sh"\n[agents.default.mcp_servers.headers]\nA = "b"\n',
            "6: entry 1: a server of type stdio has no headers",
        ),
        (
            f'{SERVER}name = "a"\ncommand = "sh"\n[agents.default.mcp_servers.env]\nA = 1\n',
            "10: entry 1, env, A: must be text",
        ),
        (
            f'{SERVER}name = "a"\nurl = "wiki"\n',
            "8: entry 1, url: must be an address like",
        ),
        (
            f'{SERVER}name = "a"\ntype = "ws"\n',
            '8: entry 1, type: is not valid; choose one of: "stdio"',
        ),
        ('mcp_servers = ["sh"]\n', "6: entry 1: must be a table"),
        (
            f'{SERVER}name = "a"\nurl = "http://a"\nheaders = {{ A = "${{NOT_SET}}" }}\n',
            "the environment variable NOT_SET is not set",
        ),
    ],
)
def test_a_mistake_is_one_line_with_the_servers_number(folder: Path, text: str, said: str) -> None:
    """Counted from 1, on the line of the key itself."""
    with pytest.raises(ConfigError) as caught:
        given(folder, text)
    (line,) = str(caught.value).splitlines()
    assert said in line.replace("[agents.default] mcp_servers, ", "")
