"""Rules that allow a command in a thread without a question: narrow, and never what a shell would change."""

import shlex

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.questions.command_rules import LEADING, LONGEST, allows, rules_for


@pytest.mark.parametrize(
    ("command", "rules"),
    [
        ("pytest", ["pytest", "pytest …"]),
        ("pytest -x tests/unit", ["pytest -x tests/unit", "pytest …"]),
        ("pytest -x --maxfail=3", ["pytest -x --maxfail=3", "pytest …"]),
        ("npm test", ["npm test", "npm test …"]),
        ("git status -sb", ["git status -sb", "git status …"]),
        ("git log -5 --oneline main", ["git log -5 --oneline main", "git log …"]),
        ("go test ./...", ["go test ./...", "go test …"]),
        ("make deploy", ["make deploy"]),
        ("./run.sh --fast", ["./run.sh --fast"]),
        ("python -m pytest", ["python -m pytest"]),
        # Leading words do not cover what options, paths or other programs may do.
        ("pytest -p evil", ["pytest -p evil"]),
        ("pytest --rootdir=/etc", ["pytest --rootdir=/etc"]),
        ("git diff --output=.git/config", ["git diff --output=.git/config"]),
        ("git diff --no-index /etc/passwd x", ["git diff --no-index /etc/passwd x"]),
        ("git log --out=x", ["git log --out=x"]),
        ("git statusx", ["git statusx"]),
        ("git push", ["git push"]),
        ("lsof", ["lsof"]),
        ("ls /", ["ls /"]),
        ("ls ../..", ["ls ../.."]),
        ("ls a/../../b", ["ls a/../../b"]),
        ("npm test --prefix", ["npm test --prefix"]),
        ("npm testing", ["npm testing"]),
        # No rule at all.
        *((command, []) for command in (
            "", " ", "ls ", " ls", "ls  x", "ls;id", "ls ; id", "ls && id", "ls & id", "ls | sh", "ls || id", "ls > x",
            "ls >x", "ls 2>x", "ls < x", "ls\nid", "ls\r\nid", "ls\tx", "ls $HOME", "ls $(id)", "ls ${IFS}x", "ls `id`",
            "ls 'x'", 'ls "x"', r"ls \x", "ls *", "ls ?", "ls [a]", "ls {a,b}", "ls ~", "ls !x", "ls #x", "(ls)",
            "PATH=x ls", "A=b", "ls\u00a0x", "ls\u2003x", "ls\u202e", "lѕ", "ls\x00", "ls x\x1b", "ls …",
            "git status …", "x" * (LONGEST + 1),
        )),
    ],
)  # fmt: skip
def test_a_command_has_these_rules(command: str, rules: list[str]) -> None:
    """The narrowest comes first, and each allows the command."""
    assert [*rules_for(command)] == rules
    assert all(allows(rule, command) for rule in rules)


TRICKS = st.sampled_from([
    *(";", "&&", "||", "|", "&", ">", ">>", "<", "<<", "\n", "\r", "\\", "'", '"', "`", "$(", "${", "$", "(", ")"),
    *("{", "}"),
    *("*", "?", "[", "]", "~", "!", "#", "\t", "\x00", "\u00a0", "\u2028", "\u3000", "\u200b", "\u202e"),
    *("=", "..", "/", "-", "--"),
    *(" ", "  ", "sh", "rm", "-rf", "--output=x", "-c", "../..", "/etc", "A=b", "…", " …"),
])  # fmt: skip


@given(
    st.sampled_from(LEADING) | st.text(max_size=10), st.lists(TRICKS | st.text(max_size=5), max_size=6), st.booleans()
)
@example("ls", [" ", "x", "\n", "id"], True)
def test_no_trick_of_a_shell_gets_a_rule(words: str, parts: list[str], spaced: bool) -> None:  # noqa: FBT001
    """What has a rule are words of plain characters; those behind leading words stay inside the directory."""
    command = (" " if spaced else "").join([words, *parts])
    for rule in rules_for(command):
        assert command.isascii()
        assert command.isprintable()
        assert shlex.split(command, comments=True) == command.split(" ")
        assert not set(command) & set("\"'\\`$();&|<>{}[]*?~!#")
        assert "=" not in command.split(" ")[0]
        if rule.endswith("…"):
            behind = command[len(rule) - 2 :].split()
            assert not any(word.startswith(("/", "--output", "-c")) or ".." in word.split("/") for word in behind)


@given(st.sampled_from(LEADING), st.text(max_size=30))
def test_a_rule_allows_no_command_that_begins_otherwise(words: str, command: str) -> None:
    """Neither an unknown rule nor the rule's own sign allows anything."""
    assert not allows(f"{words} …", f"{words}{command}") or command[:1] in {"", " "}
    assert not allows(f"{words} …", command) or command.startswith(words)
    assert not allows(f"{command} …", f"{command} x") or command in LEADING
    assert not allows("", command)
