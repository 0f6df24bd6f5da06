"""`.ci/run`: what fails a change, and how it reports that."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BOUND = 60.0

FAILING = "#!/bin/sh\necho 'FAILED tests/test_x.py::test_a_race - assert'\necho '== 1 failed in 1.0s =='\nexit 1\n"
MAKE = f"""\
#!/bin/sh
echo "$@" >> called
case "$*" in
*--last-failed*) {{alone}} ;;
*ARGS=*) [ -e steady ] && exit 0; {"; ".join(FAILING.splitlines()[1:])} ;;
esac
"""
"""Replaces make: the tests fail, unless there is a file `steady`; `alone` is what a single test does."""

INSTALLED = ("chromium", "bwrap", "sshd", "slurmctld")
"""What the script would install where it is missing."""


def ci(folder: Path, *, alone: str) -> subprocess.CompletedProcess[str]:
    """Run the script in a checkout of its own, with another make, and with nothing to install."""
    (folder / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", folder / ".ci/run")
    programs = folder / "bin"
    programs.mkdir()
    python = folder / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    for path, text in (
        (programs / "make", MAKE.format(alone=alone)),
        *((programs / installed, "#!/bin/sh\n") for installed in INSTALLED),
        (python, "#!/bin/sh\necho 3.11\n"),
    ):
        path.write_text(text)
        path.chmod(0o700)
    environ = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(folder), "TMPDIR": os.environ["TMPDIR"]}
    return subprocess.run(
        [folder / ".ci/run"], cwd=folder, env=environ, capture_output=True, text=True, timeout=BOUND, check=False
    )


@pytest.mark.parametrize(("alone", "kind"), [("exit 0", "UNSTEADY, passes alone:"), ("exit 1", "BROKEN:")])
def test_a_failed_test_fails_the_run_even_if_it_passes_alone(tmp_path: Path, alone: str, kind: str) -> None:
    """A race does not show alone; the last lines name the kind of failure and the test."""
    done = ci(tmp_path, alone=alone)
    assert done.returncode != 0
    assert done.stdout.splitlines()[-2:] == [kind, "tests/test_x.py::test_a_race - assert"]
    assert "demo" not in (tmp_path / "called").read_text()


def test_a_run_in_which_nothing_fails_passes(tmp_path: Path) -> None:
    """The tests and the demo, without a second run."""
    (tmp_path / "steady").touch()
    done = ci(tmp_path, alone="exit 1")
    assert (done.returncode, done.stderr) == (0, "")
    called = (tmp_path / "called").read_text()
    assert called.splitlines()[:2] == ["test ARGS=", "demo ONCE=1"]
    assert "--last-failed" not in called
