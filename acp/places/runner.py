"""The far end of a place: starts agents and short commands there, and ends what it has started, whatever happens.

It needs Python 3.8 and its standard library. It runs as `threadline runner` or as `python3 -c SOURCE`, also as PID 1 of
a container. What it is to do comes on stdin, so that no secret stands in a command line, and it says nothing before.

| on stdin                                 | on stdout                                                               |
|------------------------------------------|-------------------------------------------------------------------------|
| a header, which is a JSON object         |                                                                         |
| ... to "start"; then the agent's stdin   | a message with "hello"; then the agent's stdout; at last the verdict    |
| ... to "run" or "put"; then "size" bytes | one message, with the "size" of the output that follows it              |
| ... to "get", "reap" or say "hello"      | the same                                                                |

A message is RS, the header's "nonce", a space, a JSON object and a line feed. It may stand anywhere in the agent's
bytes; without it they are as the agent wrote them. The nonce is in no environment, so an agent cannot forge a message.
An empty message is a sign of life. So is an empty line on stdin, which the agent does not get.

The verdict says how the agent ended: {"exit": 1} or {"signal": 9}, with a "cause" if it was ended from here; or that it
was not started: {"problem": ...}. It comes when no process of the agent is left. The exit status of an engine's client
tells none of this. A stream that ends without a verdict is a lost link.

The agent is ended when stdin ends or is silent for "alive" seconds, at a hang-up or SIGTERM, and when stdout is closed,
by the agent itself too.
A full stdout is no cause: while stdin has signs of life, the other side is only slow.
"""

from __future__ import annotations

import json
import os
import select
import signal
import stat
import subprocess
import sys
import time
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable, Dict, NoReturn

VERSION = 1
MARKER = "THREADLINE_AGENT"  # The variable by which a command's processes are found, in whatever session.

HEADER_SECONDS = 60  # The header is sent at once. Who starts this by hand should not wait for ever.
MAX_HEADER = 8 << 20
HELD = 16 << 20  # Bytes held for a slow reader, in each direction; more wait in the pipes.
PIECE = 1 << 16

EOF_SECONDS = 3.0  # An agent's time to end by itself after the end of its stdin, ...
TERM_SECONDS = 2.0  # ... after SIGTERM, ...
KILL_SECONDS = 1.0  # ... and the kernel's time after SIGKILL.
ROUNDS = 4  # How often to look for processes that were forked during the kills.
PROC = Path("/proc")
LOOKS, LOOK_SECONDS = 3, 0.02  # A process shows no environment for a moment while it becomes another program.
PF_KTHREAD = 0x200000  # The flag of the kernel's own threads, which never show one.
SEARCH_SECONDS = 0.1  # Between two searches for what was killed.
UNREAD_SECONDS = 30.0  # An agent that takes nothing of its input for so long is wedged.
LINGER_SECONDS = 0.5  # Stdout may stay open after the agent's end, if a process is not found; or close just before it.
FLUSH_SECONDS = 3.0  # For the last bytes, when the other side may be gone.
TRANSFER_SECONDS = 60  # For the bytes of a short command, besides its own bound.

SIGNALS = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)
INPUT_UNREAD = "input unread"  # A cause.
OUTPUT_ENDED = "output ended"  # Another.
TIME_IS_OVER = "time is over"  # A problem.

Json = Dict[str, Any]


class Problem(Exception):
    """What prevents it: the content of the answer (see `StartProblem` and `FileProblem` of `acp.errors`)."""


def main() -> int:
    """Do what the header says."""
    for number in (*SIGNALS, signal.SIGALRM):
        signal.signal(number, leave)
    signal.alarm(HEADER_SECONDS)
    header, rest = read_header()
    signal.alarm(int(header["seconds"]) + TRANSFER_SECONDS if "seconds" in header else 0)
    if header["version"] != VERSION or header["do"] not in COMMANDS:
        return answer(header, {"problem": "version", "version": VERSION})
    try:
        return COMMANDS[header["do"]](header, rest)
    except Problem as problem:
        return answer(header, *problem.args)


def leave(number: int, _frame: object) -> NoReturn:
    """End at a signal; as PID 1 we should not otherwise."""
    sys.exit(128 + number)


def read_header() -> tuple[Json, bytes]:
    """Read the first line; return also what came behind it."""
    data = b""
    while b"\n" not in data:
        piece = receive() if len(data) < MAX_HEADER else b""
        if not piece:
            sys.exit("threadline runner: no header on stdin; it is Threadline that starts this program")
        data += piece
    line, _, rest = data.partition(b"\n")
    return json.loads(line), rest


def receive() -> bytes:
    """Wait for bytes on stdin. Return none at its end."""
    select.select([0], [], [])  # What starts us may have made it non-blocking.
    return os.read(0, PIECE)


def body(header: Json, rest: bytes) -> bytes:
    """Read the bytes that belong to the header."""
    data = bytearray(rest)
    while len(data) < header["size"]:
        piece = receive()
        if not piece:
            sys.exit(1)
        data += piece
    return bytes(data)


def message(header: Json, content: Json) -> bytes:
    """Build a message; see above."""
    return b"\x1e%s %s\n" % (header["nonce"].encode(), json.dumps(content).encode())


def answer(header: Json, content: Json, data: bytes = b"") -> int:
    """Write the only message of a command, and the bytes that belong to it."""
    flow = Flow(None, near(1))
    flow.add(message(header, dict(content, size=len(data))) + data)
    while flow.sinks():
        select.select([], flow.sinks(), [])
        flow.write()
    return 0


def hello(header: Json, _rest: bytes) -> int:
    """Say who is running."""
    return answer(header, about())


def about() -> Json:
    """Tell who is running."""
    return {"version": VERSION, "pid": os.getpid(), "python": sys.version.split()[0]}


# ---- streams


def near(descriptor: int) -> Any:
    """Return our own stdin or stdout, without a buffer."""
    return open(descriptor, "wb" if descriptor else "rb", buffering=0, closefd=False)


class Flow:
    """Bytes on their way from one pipe to another; with one of them only, a buffer."""

    def __init__(self, source: Any, sink: Any) -> None:
        """Take two files; each becomes None when its pipe is closed."""
        self.source, self.sink, self.data = source, sink, bytearray()
        self.read_at = self.written_at = self.full_at = time.monotonic()
        for pipe in filter(None, (source, sink)):
            os.set_blocking(pipe.fileno(), False)

    def sources(self) -> list[Any]:
        """Return what is to be read from now."""
        if len(self.data) >= HELD:
            self.full_at = time.monotonic()
            return []
        return [self.source] if self.source else []

    def sinks(self) -> list[Any]:
        """Return what is to be written to now."""
        return [self.sink] if self.sink and self.data else []

    def read(self) -> bytes:
        """Read once."""
        try:
            piece = os.read(self.source.fileno(), PIECE)
        except BlockingIOError:
            return b""
        except OSError:
            piece = b""
        self.read_at = time.monotonic()
        if not piece:
            self.source = None
        return piece

    def add(self, data: bytes) -> None:
        """Send `data` on its way."""
        if not self.data:
            self.written_at = time.monotonic()  # Until now its reader had nothing to read.
        self.data += data

    def write(self) -> None:
        """Write what can be written now, at most a piece."""
        try:
            del self.data[: os.write(self.sink.fileno(), self.data[:PIECE])]
        except BlockingIOError:
            return
        except OSError:
            self.close()
        self.written_at = time.monotonic()

    def close(self) -> None:
        """Close the sink. What has not been written is lost."""
        if self.sink:
            self.sink.close()
        self.sink = None
        self.data.clear()


# ---- processes


class Child:
    """A command that we have started, its streams, and its end."""

    tick = 1.0  # How often `judge` is called at least, in seconds.

    def __init__(self, header: Json, stderr: int | None) -> None:
        """Start it as the leader of a session. Raises `Problem`."""
        self.header, self.marker = header, header["marker"]
        self.causes: list[str] = []  # Why it is to be ended.
        self.status: int | None = None  # As `waitpid` returns it, once the command's own process has ended.
        self.wake, waker = os.pipe()
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)  # A signal wakes `select`.
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        for number in SIGNALS:
            signal.signal(number, lambda number, _frame: self.causes.append(signal.Signals(number).name))
        self.child = child = popen(header, stderr)  # Kept: it takes the status of the process when it is deleted.
        self.pid = child.pid
        self.inward = Flow(near(0), child.stdin)
        self.outward = Flow(child.stdout, None)

    def __enter__(self) -> Any:
        """Return it."""
        return self

    def __exit__(self, kind: object, _value: object, _traceback: object) -> None:
        """Let none of it survive a failure of ours."""
        if kind is not None:
            send_signal(-self.pid, signal.SIGKILL)
            end_marked(self.marker, self.pid, gently=False, wait=time.sleep)

    def take(self, data: bytes) -> None:
        """Use what came on our stdin."""

    def judge(self, now: float) -> None:
        """Look for causes to end it."""

    def ended(self) -> bool:
        """Whether the command's own process has ended."""
        return self.status is not None

    def verdict(self) -> Json:
        """Tell how it ended."""
        status = self.status or 0
        return {"signal": os.WTERMSIG(status)} if os.WIFSIGNALED(status) else {"exit": os.WEXITSTATUS(status)}

    def pump_until(self, done: Callable[[], bool], seconds: float = 1e9) -> None:
        """Move bytes until `done`, for `seconds` at most."""
        deadline = time.monotonic() + seconds
        while not done() and time.monotonic() < deadline:
            self.pump(deadline - time.monotonic())

    def pump_for(self, seconds: float) -> None:
        """Move bytes for so long."""
        self.pump_until(lambda: False, seconds)

    def pump(self, seconds: float) -> None:
        """Move what can be moved; wait for that, or for a signal, for `seconds` at most."""
        inward, outward = self.inward, self.outward
        sources, sinks = inward.sources() + outward.sources(), inward.sinks() + outward.sinks()
        wait = max(0.0, min(seconds, self.tick))
        readable, _, _ = select.select([self.wake, *sources], sinks, [], wait)
        if self.wake in readable:
            os.read(self.wake, PIECE)
        if inward.source in readable:
            self.take(inward.read())
        if outward.source in readable:
            outward.add(outward.read())
        for flow in (inward, outward):
            if flow.sinks():
                flow.write()
        self.reap_children()
        self.judge(time.monotonic())
        if self.causes and not inward.data:
            inward.close()

    def reap_children(self) -> None:
        """Note its end. As PID 1 we inherit strangers, who must not stay in the process table."""
        pid = 1
        while pid:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == self.pid:
                self.status = status

    def end(self, *steps: tuple[int, float], gently: bool) -> bool:
        """End its own process in steps, then all that it has started. Return whether nothing is left."""
        for number, seconds in steps:
            if not self.ended():
                send_signal(-self.pid, number)
                self.pump_until(self.ended, seconds)
        _, left = end_marked(self.marker, self.pid, gently=gently, wait=self.pump_for)
        return self.ended() and not left

    def drained(self) -> Callable[[], bool]:
        """Return a test whether there is no more output. Time does not count while there is no room for it."""
        end, outward = time.monotonic(), self.outward
        return lambda: outward.source is None or time.monotonic() > max(end, outward.full_at) + LINGER_SECONDS


def popen(header: Json, stderr: int | None) -> subprocess.Popen[bytes]:
    """Start the command of a header. Raises `Problem`."""
    argv, cwd, pipe = header["argv"], header["cwd"], subprocess.PIPE
    env = {name: os.environ[name] for name in header["inherit"] if name in os.environ}
    env.update(header["env"], **{MARKER: header["marker"]})
    try:
        is_directory = stat.S_ISDIR(Path(cwd).stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        is_directory = False
    except OSError as error:
        raise Problem({"problem": "directory not entered", "path": cwd, "detail": error.strerror}) from None
    if not is_directory:
        raise Problem({"problem": "no such directory", "path": cwd})
    try:
        return subprocess.Popen(argv, 0, None, pipe, pipe, stderr, cwd=cwd, env=env, start_new_session=True)
    except FileNotFoundError:
        raise Problem({"problem": "command not found", "path": argv[0]}) from None
    except (OSError, ValueError) as error:
        detail = getattr(error, "strerror", str(error))
        raise Problem({"problem": "command not started", "path": argv[0], "detail": detail}) from None


def make_directories(paths: list[str]) -> None:
    """Make missing directories (0700), and those above them. Raises `Problem`."""
    before = os.umask(0o077)
    for path in paths:
        try:
            Path(path).mkdir(parents=True, exist_ok=True)
            require_own(Path(path))
        except OSError as error:
            raise Problem({"problem": "directory not created", "path": path, "detail": error.strerror}) from None
    os.umask(before)


def send_signal(pid: int, number: int) -> None:
    """Signal a process, or the group of the process -`pid`."""
    with suppress(OSError):  # It has just ended, or is another user's.
        os.kill(pid, number)


def marked(marker: str | list[str], leader: int | None, spared: str = "") -> list[int]:
    """Find the processes with this marker, or one of these, or of the session of `leader`.

    "x/" stands for all that begin so, without those that begin with `spared`, if that is not empty.
    """
    markers = [marker] if isinstance(marker, str) else marker
    wanted = [f"\0{MARKER}={each}{'' if each.endswith('/') else chr(0)}".encode() for each in markers]
    unwanted = f"\0{MARKER}={spared}".encode()
    for _ in range(LOOKS):
        found, unclear = [], False
        for path in PROC.glob("[0-9]*"):
            with suppress(OSError):  # It has just ended, or is another user's.
                state, _, _, session, *others = (path / "stat").read_bytes().rpartition(b")")[2].split()
                if state in b"ZX" or int(path.name) == os.getpid():
                    continue
                environ = b"" if int(session) == leader else b"\0" + (path / "environ").read_bytes()
                is_meant = any(each in environ for each in wanted) and not (spared and unwanted in environ)
                if int(session) == leader or is_meant:
                    found.append(int(path.name))
                unclear |= len(environ) < 2 and not int(others[2]) & PF_KTHREAD
        if found or not unclear:
            break
        time.sleep(LOOK_SECONDS)
    return found


def runner_name(marker: str) -> bytes:
    """Return the name of the runners of a journal in the process table, whose environment has no marker."""
    return b"runner-%08x" % zlib.crc32(marker.partition("/")[0].encode())


def end_marked(
    marker: str | list[str], leader: int | None, *, gently: bool, wait: Callable[[float], None], spared: str = ""
) -> tuple[int, int]:
    """End these processes. Return how many there were, and how many are left."""
    found = marked(marker, leader, spared)
    count = len(found)
    for number in [signal.SIGTERM] * gently + [signal.SIGKILL] * ROUNDS:
        for pid in found:
            send_signal(pid, number)
        deadline = time.monotonic() + KILL_SECONDS
        while found and time.monotonic() < deadline:
            wait(SEARCH_SECONDS)
            found = marked(marker, leader, spared)
    return count, len(found)


def reap(header: Json, _rest: bytes) -> int:
    """End what earlier agents of a journal have left, or all of its agents."""
    markers = header["markers"]
    for path in PROC.glob("[0-9]*/comm"):
        with suppress(OSError):  # An agent may have stopped its runner, which ends when it continues.
            if path.read_bytes().strip() == runner_name(markers[0]):
                send_signal(int(path.parent.name), signal.SIGCONT)
    found, left = end_marked(markers, None, gently=False, wait=time.sleep, spared=header["spared"])
    return answer(header, {"found": found, "left": left})


# ---- an agent


class Agent(Child):
    """A command that lives as long as it and the other side like."""

    def __init__(self, header: Json) -> None:
        """Start it, and say so."""
        with suppress(OSError):
            (PROC / "self/comm").write_bytes(runner_name(header["marker"]))
        super().__init__(header, None)
        self.at_line_start = True
        self.alive = header["alive"]
        self.tick = min(self.tick, self.alive / 10)
        self.outward.sink = near(1)
        os.set_blocking(1, False)
        self.outward.add(message(header, {"hello": about()}))

    def run(self) -> None:
        """Relay; then end all that is left of it, and write the verdict."""
        self.pump_until(lambda: self.ended() or bool(self.causes))
        cause = {} if self.ended() else {"cause": self.causes[0]}
        # With SIGTERM, we may have little time ourselves.
        eof_seconds = 0.0 if self.causes[:1] == ["SIGTERM"] else EOF_SECONDS
        steps = ((0, eof_seconds), (signal.SIGTERM, TERM_SECONDS), (signal.SIGKILL, KILL_SECONDS))
        if self.end(*steps, gently=True):
            self.pump_patiently(self.drained())
            self.outward.add(message(self.header, dict(self.verdict(), **cause)))
            self.pump_patiently(lambda: not self.outward.data)

    def pump_patiently(self, done: Callable[[], bool]) -> None:
        """Relay until `done`, as long as the other side shows signs of life, and then a little longer."""
        self.pump_until(lambda: done() or bool(self.causes))
        self.pump_until(done, FLUSH_SECONDS)

    def take(self, data: bytes) -> None:
        """Pass on what the other side says, without its signs of life."""
        if self.at_line_start:
            data = data.lstrip(b"\n")
        while b"\n\n" in data:
            data = data.replace(b"\n\n", b"\n")
        if data and not self.causes:
            self.at_line_start = data.endswith(b"\n")
            self.inward.add(data)

    def judge(self, now: float) -> None:
        """Look for causes to end the agent, and give a sign of life when it is time."""
        inward, outward = self.inward, self.outward
        if outward.sink is None:
            outward.data.clear()
        elif not outward.data and now > outward.written_at + self.alive / 3:
            outward.add(message(self.header, {}))
        if self.causes:
            return
        if inward.source is None:
            self.causes.append("end of input")
        elif outward.sink is None:
            self.causes.append("output closed")
        elif now > max(inward.read_at, inward.full_at) + self.alive:
            self.causes.append("silence")
        elif not self.ended():
            self.judge_agent(now)

    def judge_agent(self, now: float) -> None:
        """Look for causes in what the agent does with its streams. One that has ended is not to blame for its own."""
        inward, outward = self.inward, self.outward
        if outward.source is None and now > outward.read_at + LINGER_SECONDS:
            self.causes.append(OUTPUT_ENDED)
        elif (inward.data or inward.sink is None) and now > inward.written_at + UNREAD_SECONDS:
            self.causes.append(INPUT_UNREAD)


def start(header: Json, rest: bytes) -> int:
    """Run an agent until it ends, or until there is a cause to end it."""
    make_directories(header.get("made", []))
    with Agent(header) as agent:
        agent.take(rest)
        agent.run()
    return 0


# ---- short commands


class Command(Child):
    """A command with all of its input, a bound of its output and one of its time."""

    def __init__(self, header: Json, data: bytes) -> None:
        """Start it with `data` as its input."""
        super().__init__(header, subprocess.DEVNULL)
        self.inward.add(data)
        self.deadline = time.monotonic() + header["seconds"]

    def is_cut(self) -> bool:
        """Whether it has written more than is wanted."""
        return len(self.outward.data) > int(self.header["max_output"])

    def judge(self, now: float) -> None:
        """End it when its time is over, its output is too long, or the other side is gone."""
        if not self.inward.data:
            self.inward.close()
        if not self.causes and (now > self.deadline or self.is_cut() or self.inward.source is None):
            self.causes.append(TIME_IS_OVER)


def run(header: Json, rest: bytes) -> int:
    """Run a short command, and end it and all that it has started."""
    with Command(header, body(header, rest)) as command:
        command.pump_until(lambda: command.ended() or bool(command.causes))
        was_ended, is_cut = command.ended(), command.is_cut()
        command.end((signal.SIGTERM, TERM_SECONDS), (signal.SIGKILL, KILL_SECONDS), gently=False)
        command.pump_until(command.drained(), FLUSH_SECONDS)
    if not was_ended and not is_cut:
        raise Problem({"problem": TIME_IS_OVER})
    how = command.verdict() if was_ended else {"exit": 0}
    return answer(header, dict(how, cut=command.is_cut()), bytes(command.outward.data[: header["max_output"]]))


def put(header: Json, rest: bytes) -> int:
    """Write a file (mode 0600) with missing directories (0700): whole, or not at all."""
    data, path = body(header, rest), Path(header["path"])
    draft = path.with_name("." + header["nonce"])
    os.umask(0o077)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        require_own(path.parent)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise Problem({"problem": "file not written", "detail": error.strerror}) from None
    return answer(header, {})


def require_own(directory: Path) -> None:
    """Refuse a way through what another account has put into a directory that is open to all, such as /tmp."""
    for entry in (directory, *directory.parents):
        mode = entry.parent.stat().st_mode
        if mode & stat.S_ISVTX and mode & stat.S_IWOTH and entry.lstat().st_uid != os.geteuid():
            raise PermissionError(0, f"{entry} belongs to another account")


def get(header: Json, _rest: bytes) -> int:
    """Read a regular file inside the roots, links followed. The agent may read with the same rights as this."""
    path, largest = Path(header["path"]), header["max_size"]
    try:
        real = path.resolve(strict=True)
        roots = [root for root in map(Path.resolve, map(Path, header["roots"])) if root in real.parents]
        if not roots or not path.is_absolute() or ".." in path.parts:
            raise Problem({"problem": "outside the directories"})
        if any(part.startswith(".") for part in real.relative_to(max(roots)).parts):
            raise Problem({"problem": "hidden file"})
        # Opening must not wait for the other end of a FIFO, or acquire a terminal.
        descriptor = os.open(real, os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode) or real.parts[1] in ("proc", "sys", "dev"):
            raise Problem({"problem": "not a regular file"})
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(largest + 1)
    except FileNotFoundError:
        raise Problem({"problem": "no such file"}) from None
    except ValueError:  # A null character, or half of another one: no path has them.
        raise Problem({"problem": "outside the directories"}) from None
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, before Python 3.13.
        raise Problem({"problem": "file not read", "detail": getattr(error, "strerror", str(error))}) from None
    if len(data) > largest:
        raise Problem({"problem": "file too large"})
    return answer(header, {}, data)


COMMANDS = {"start": start, "hello": hello, "run": run, "put": put, "get": get, "reap": reap}

if __name__ == "__main__":
    sys.exit(main())
