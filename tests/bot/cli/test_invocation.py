"""The lines that the program tells people to type."""

import sys
from pathlib import Path

import pytest

from bot.cli import invocation
from bot.cli.invocation import command_line, is_container_main


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed `threadline` that was called, off the PATH, with the working directory above it."""
    path = tmp_path / "bin" / "threadline"
    path.parent.mkdir()
    path.touch(mode=0o700)
    monkeypatch.setattr(sys, "argv", [str(path), "init"])
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("THREADLINE_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    return path


def test_a_line_has_the_shortest_name_that_works(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bare one on the PATH, a relative one below the working directory, else an absolute one."""
    configuration = Path("threadline.toml")
    assert command_line("run", configuration=configuration) == "bin/threadline run"
    monkeypatch.setenv("PATH", str(script.parent))
    assert command_line("run", configuration=configuration) == "threadline run"
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.chdir("/")
    assert command_line("run", configuration=configuration) == f"{script.relative_to('/')} run"


def test_another_program_of_that_name_on_the_path_is_not_meant(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older installation would run instead."""
    other = script.parent.parent / "other" / "threadline"
    other.parent.mkdir()
    other.touch(mode=0o700)
    monkeypatch.setenv("PATH", str(other.parent))
    assert command_line("run", configuration=Path("threadline.toml")) == "bin/threadline run"


@pytest.mark.usefixtures("script")
def test_a_line_names_the_configuration_only_where_it_is_not_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in the working directory nor by the variable."""
    other = tmp_path / "a b.toml"
    assert command_line("check", configuration=other) == f"bin/threadline check -c '{other}'"
    monkeypatch.setenv("THREADLINE_CONFIG", str(other))
    assert command_line("check", configuration=other) == "bin/threadline check"
    assert command_line("check", configuration=Path("threadline.toml")) == "bin/threadline check -c threadline.toml"


def test_a_module_is_called_by_the_script_next_to_its_interpreter(
    script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or by the interpreter, where there is no script."""
    monkeypatch.setattr(sys, "argv", ["/checkout/bot/__main__.py"])
    monkeypatch.setattr(sys, "executable", str(script.with_name("python")))
    assert command_line("run", configuration=Path("threadline.toml")) == "bin/threadline run"
    script.unlink()
    script.with_name("python").touch(mode=0o700)
    assert command_line("run", configuration=Path("threadline.toml")) == "bin/python -m bot run"


def test_the_only_command_of_a_container_is_told_from_one_in_a_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The container's first process has the same arguments; a shell, or a running bot, has others."""
    first = tmp_path / "cmdline"
    monkeypatch.setattr(invocation, "CONTAINER_MARKS", (str(tmp_path / "mark"),))
    monkeypatch.setattr(invocation, "FIRST_PROCESS", first)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setattr(sys, "argv", ["threadline", "init", "--yes"])
    first.write_bytes(b"tini\0--\0threadline\0init\0--yes\0")
    assert not is_container_main()
    (tmp_path / "mark").touch()
    assert is_container_main()
    first.write_bytes(b"/opt/bin/python\0/opt/bin/threadline\0init\0--yes\0")
    assert is_container_main()
    for other in (b"bash\0", b"tini\0--\0threadline\0run\0", b""):
        first.write_bytes(other)
        assert not is_container_main()
    first.unlink()
    assert not is_container_main()


@pytest.mark.usefixtures("script")
def test_in_a_container_a_line_does_not_repeat_the_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The image's entry point is the program: the line is what stands behind the image's name."""
    (tmp_path / "cmdline").write_bytes(b"tini\0--\0threadline\0init\0")
    monkeypatch.setattr(invocation, "CONTAINER_MARKS", (str(tmp_path),))
    monkeypatch.setattr(invocation, "FIRST_PROCESS", tmp_path / "cmdline")
    assert command_line("run", configuration=Path("threadline.toml")) == "run"
    other = Path("/etc/threadline/threadline.toml")
    assert command_line("run", configuration=other) == f"run -c {other}"
