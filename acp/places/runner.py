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

The agent is ended when stdin ends or is silent for "alive" seconds, at a hang-up or SIGTERM, and when stdout is closed.
A full stdout is no cause: while stdin has signs of life, the other side is only slow.
"""

from __future__ import annotations

import json
import os
import platform
import select
import signal
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable, Dict, NoReturn

VERSION = 1
MARKER = "THREADLINE_AGENT"  # The variable by which an agent's processes are found, in whatever session.

HEADER_SECONDS = 60.0  # The header is sent at once. Who starts this by hand should not wait for ever.
MAX_HEADER = 8 << 20
HELD = 16 << 20  # Bytes held for a slow reader, in each direction; more wait in the pipes.
PIECE = 1 << 16

EOF_SECONDS = 3.0  # The agent's time to end by itself after the end of its stdin, ...
TERM_SECONDS = 2.0  # ... after SIGTERM, ...
KILL_SECONDS = 1.0  # ... and the kernel's time after SIGKILL.
KILLS = ((signal.SIGKILL, 0.5),) * 4  # Repeated for what was forked during the kills.
SEARCH_PAUSE = 0.1
UNREAD_SECONDS = 30.0  # An agent that takes nothing of its input for so long is wedged.
LINGER_SECONDS = 0.5  # A process that is not found may hold the agent's stdout open for ever.
FLUSH_SECONDS = 3.0  # For the last bytes, when the other side may be gone.
TRANSFER_SECONDS = 60  # For the bytes of a short command, besides its own bound.

INPUT_UNREAD = "input unread"
TIME_IS_OVER = "time is over"

Json = Dict[str, Any]


def main() -> int:
    """Do what the header says."""
    header, rest = read_header()
    if header["version"] != VERSION or header["do"] not in COMMANDS:
        return answer(header, {"problem": "version", "version": VERSION})
    if header["do"] != "start":
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
            signal.signal(number, leave)
        signal.alarm(int(header["seconds"]) + TRANSFER_SECONDS)
    return COMMANDS[header["do"]](header, rest)


def leave(number: int, _frame: object) -> NoReturn:
    """End a short command, and what it has started."""
    sys.exit(128 + number)


def read_header() -> tuple[Json, bytes]:
    """Read the first line; return also what came behind it."""
    data, deadline = b"", time.monotonic() + HEADER_SECONDS
    while b"\n" not in data:
        ready, _, _ = select.select([0], [], [], max(0.0, deadline - time.monotonic()))
        piece = os.read(0, PIECE) if ready and len(data) < MAX_HEADER else b""
        if not piece:
            sys.exit("threadline runner: no header on stdin; it is Threadline that starts this program")
        data += piece
    line, _, rest = data.partition(b"\n")
    return json.loads(line), rest


def message(header: Json, content: Json) -> bytes:
    """Build a message; see above."""
    return b"\x1e%s %s\n" % (header["nonce"].encode(), json.dumps(content).encode())


def answer(header: Json, content: Json, body: bytes = b"") -> int:
    """Write the only message of a command, and the bytes that belong to it."""
    data = memoryview(message(header, dict(content, size=len(body))) + body)
    while data:
        data = data[os.write(1, data) :]
    return 0


def about() -> Json:
    """Tell who is running."""
    return {"version": VERSION, "pid": os.getpid(), "python": platform.python_version()}


def popen(header: Json, stderr: int | None) -> subprocess.Popen[bytes] | Json:
    """Start a command as the leader of a session, or return what prevents it (see `acp.errors.StartProblem`)."""
    argv, cwd = header["argv"], header["cwd"]
    names = header.get("inherit", os.environ)
    env = {name: os.environ[name] for name in names if name in os.environ}
    env.update(header.get("env", {}))
    try:
        is_directory = stat.S_ISDIR(Path(cwd).stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        is_directory = False
    except OSError as error:
        return {"problem": "directory not entered", "path": cwd, "detail": error.strerror}
    if not is_directory:
        return {"problem": "no such directory", "path": cwd}
    pipe = subprocess.PIPE
    try:
        return subprocess.Popen(
            argv, bufsize=0, cwd=cwd, env=env, stdin=pipe, stdout=pipe, stderr=stderr, start_new_session=True
        )
    except FileNotFoundError:
        return {"problem": "command not found", "path": argv[0]}
    except (OSError, ValueError) as error:
        return {"problem": "command not started", "path": argv[0], "detail": getattr(error, "strerror", str(error))}


# ---- an agent


def start(header: Json, rest: bytes) -> int:
    """Run an agent until it ends, or until there is a cause to end it."""
    header["env"] = dict(header["env"], **{MARKER: header["marker"]})
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    causes: list[str] = []
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: causes.append(signal.Signals(number).name))
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)  # It is to wake `select`, through the pipe.
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    child = popen(header, None)
    if isinstance(child, dict):
        return answer(header, child)
    Relay(header, child, wake, causes).run(rest)
    return 0


def near(descriptor: int) -> Any:
    """Return our own stdin or stdout, without a buffer."""
    return open(descriptor, "wb" if descriptor else "rb", buffering=0, closefd=False)


class Flow:
    """Bytes on their way from one pipe to another."""

    def __init__(self, source: Any, sink: Any) -> None:
        """Take two files; each becomes None when its pipe is closed."""
        self.source, self.sink, self.data = source, sink, bytearray()
        self.read_at = self.written_at = self.full_at = time.monotonic()
        os.set_blocking(source.fileno(), False)
        os.set_blocking(sink.fileno(), False)

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
        if self.sink:
            self.data += data

    def write(self) -> None:
        """Write once."""
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


class Relay:
    """The streams of an agent, and its end."""

    def __init__(self, header: Json, child: subprocess.Popen[bytes], wake: int, causes: list[str]) -> None:
        """`causes` tells why the agent is to be ended. Signals add to it, and make `wake` readable."""
        self.header, self.alive, self.wake, self.causes = header, header["alive"], wake, causes
        self.pid = child.pid
        self.status: int | None = None  # As `waitpid` returns it, once the agent's own process has ended.
        self.inward = Flow(near(0), child.stdin)
        self.outward = Flow(child.stdout, near(1))
        self.at_line_start = True
        self.outward.add(message(header, {"hello": about()}))

    def run(self, rest: bytes) -> None:
        """Relay; then end all that is left of the agent, and write the verdict."""
        self.take(rest)
        self.pump_until(lambda: self.ended() or bool(self.causes))
        cause = {} if self.ended() else {"cause": self.causes[0]}
        if cause:
            self.stop()
        _, left = end_marked(self.header["marker"], self.pid, gently=True, wait=self.pump_for)
        if left or self.status is None:
            return
        end, outward = time.monotonic(), self.outward
        self.pump_patiently(
            lambda: outward.source is None or time.monotonic() > max(end, outward.full_at) + LINGER_SECONDS
        )
        how = {"signal": os.WTERMSIG(self.status)} if os.WIFSIGNALED(self.status) else {"exit": self.status >> 8}
        outward.add(message(self.header, dict(how, **cause)))
        self.pump_patiently(lambda: not outward.data)

    def ended(self) -> bool:
        """Whether the agent's own process has ended."""
        return self.status is not None

    def stop(self) -> None:
        """End the agent in steps. After SIGTERM we may have little time ourselves."""
        eof_seconds = 0.0 if self.causes[0] == "SIGTERM" else EOF_SECONDS
        for number, seconds in ((0, eof_seconds), (signal.SIGTERM, TERM_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
            if not self.ended():
                send_signal(-self.pid, number)
                self.pump_until(self.ended, seconds)

    def pump_patiently(self, done: Callable[[], bool]) -> None:
        """Relay until `done`, as long as the other side shows signs of life, and then a little longer."""
        self.pump_until(lambda: done() or bool(self.causes))
        self.pump_until(done, FLUSH_SECONDS)

    def pump_for(self, seconds: float) -> None:
        """Relay for so long."""
        self.pump_until(lambda: False, seconds)

    def pump_until(self, done: Callable[[], bool], seconds: float = 1e9) -> None:
        """Relay until `done`, for `seconds` at most."""
        deadline = time.monotonic() + seconds
        while not done() and time.monotonic() < deadline:
            self.pump(deadline - time.monotonic())

    def pump(self, seconds: float) -> None:
        """Move what can be moved; wait for that, or for a signal, for `seconds` at most. Then look at the clock."""
        inward, outward = self.inward, self.outward
        sources, sinks = inward.sources() + outward.sources(), inward.sinks() + outward.sinks()
        wait = max(0.0, min(seconds, 1.0, self.alive / 10))
        readable, writable, _ = select.select([self.wake, *sources], sinks, [], wait)
        if self.wake in readable:
            os.read(self.wake, PIECE)
        for flow in (inward, outward):
            if flow.sink in writable:
                flow.write()
        if inward.source in readable:
            self.take(inward.read())
        if outward.source in readable:
            outward.add(outward.read())
        self.reap_children()
        self.judge(time.monotonic())

    def take(self, data: bytes) -> None:
        """Pass on what the near side says, without its signs of life."""
        if self.at_line_start:
            data = data.lstrip(b"\n")
        while b"\n\n" in data:
            data = data.replace(b"\n\n", b"\n")
        if data and not self.causes:
            self.at_line_start = data.endswith(b"\n")
            self.inward.add(data)

    def reap_children(self) -> None:
        """Note the agent's end. As PID 1 we inherit strangers, who must not stay in the process table."""
        pid = 1
        while pid:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == self.pid:
                self.status = status

    def judge(self, now: float) -> None:
        """Look for causes to end the agent, and give a sign of life when it is time."""
        inward, outward = self.inward, self.outward
        if self.causes:
            pass
        elif inward.source is None:
            self.causes.append("end of input")
        elif outward.sink is None:
            self.causes.append("output closed")
        elif now > max(inward.read_at, inward.full_at) + self.alive:
            self.causes.append("silence")
        elif (inward.data or not inward.sink) and now > inward.written_at + UNREAD_SECONDS:
            self.causes.append(INPUT_UNREAD)
        if self.causes and not inward.data:
            inward.close()
        if not outward.data and now > outward.written_at + self.alive / 3:
            outward.add(message(self.header, {}))


# ---- what an agent leaves


def send_signal(pid: int, number: int) -> None:
    """Signal a process, or the group of the process -`pid`."""
    with suppress(OSError):  # It has just ended, or is another user's.
        os.kill(pid, number)


def marked(marker: str, leader: int | None) -> list[int]:
    """Find the processes with this marker, where "x/" stands for all that begin so, or of the session of `leader`."""
    wanted = f"\0{MARKER}={marker}{'' if marker.endswith('/') else chr(0)}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # It has just ended, or is another user's.
            state, _, _, session = (path / "stat").read_bytes().rpartition(b")")[2].split()[:4]
            is_ours = int(session) == leader or wanted in b"\0" + (path / "environ").read_bytes()
            if is_ours and state not in b"ZX" and int(path.name) != os.getpid():
                found.append(int(path.name))
    return found


def end_marked(marker: str, leader: int | None, *, gently: bool, wait: Callable[[float], None]) -> tuple[int, int]:
    """End these processes. Return how many there were, and how many are left."""
    found = marked(marker, leader)
    count = len(found)
    for number, seconds in (((signal.SIGTERM, TERM_SECONDS),) if gently else ()) + KILLS:
        for pid in found:
            send_signal(pid, number)
        deadline = time.monotonic() + seconds
        while found and time.monotonic() < deadline:
            wait(SEARCH_PAUSE)
            found = marked(marker, leader)
    return count, len(found)


def reap(header: Json, _rest: bytes) -> int:
    """End what an earlier agent has left, or all agents of a journal."""
    found, left = end_marked(header["marker"], None, gently=False, wait=time.sleep)
    return answer(header, {"found": found, "left": left})


# ---- short commands


def hello(header: Json, _rest: bytes) -> int:
    """Say who is running."""
    return answer(header, about())


def body(header: Json, rest: bytes) -> bytes:
    """Read the bytes that belong to the header."""
    data = bytearray(rest)
    while len(data) < header["size"]:
        piece = os.read(0, PIECE)
        if not piece:
            sys.exit(1)
        data += piece
    return bytes(data)


def run(header: Json, rest: bytes) -> int:
    """Run a short command. It and its group end with this process at the latest."""
    data = body(header, rest)
    child = popen(header, subprocess.DEVNULL)
    if isinstance(child, dict):
        return answer(header, child)
    try:
        return answer(header, *outcome(header, child, data))
    finally:
        if child.returncode is None:
            send_signal(-child.pid, signal.SIGKILL)


def outcome(header: Json, child: subprocess.Popen[bytes], data: bytes) -> tuple[Json, bytes]:
    """Give a command its input, and wait for its output and its end."""
    inward, outward = Flow(near(0), child.stdin), Flow(child.stdout, near(1))
    deadline, output = time.monotonic() + header["seconds"], bytearray()
    inward.add(data)
    while len(output) <= header["max_output"]:
        if not inward.data:
            inward.close()
        sources, left = [outward.source, inward.source], max(0.0, deadline - time.monotonic())
        readable, writable, _ = select.select(sources, inward.sinks(), [], left)
        if not readable and not writable:
            return {"problem": TIME_IS_OVER}, b""
        if writable:
            inward.write()
        if inward.source in readable:
            inward.read()
        if inward.source is None:
            sys.exit(1)  # The near side is gone.
        if outward.source in readable:
            output += outward.read()
        if outward.source is None:
            break
    else:
        return {"exit": 0, "cut": True}, bytes(output[: header["max_output"]])
    try:
        return {"exit": child.wait(max(0.0, deadline - time.monotonic()))}, bytes(output)
    except subprocess.TimeoutExpired:
        return {"problem": TIME_IS_OVER}, b""


def put(header: Json, rest: bytes) -> int:
    """Write a file (mode 0600) with missing directories (0700): whole, or not at all."""
    data, path = body(header, rest), Path(header["path"])
    draft = path.with_name("." + header["nonce"])
    os.umask(0o077)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
            file.write(data)
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        return answer(header, refusal(error))
    return answer(header, {})


def get(header: Json, _rest: bytes) -> int:
    """Read a regular file inside the roots, links followed. The agent may read with the same rights as this."""
    path, most = Path(header["path"]), header["max_size"]
    try:
        real, roots = path.resolve(), {Path(root).resolve() for root in header["roots"]}
        if not path.is_absolute() or not roots.intersection(real.parents):
            return answer(header, {"refused": "not inside the session's directories"})
        # Opening must not wait for the other end of a FIFO, or acquire a terminal.
        with os.fdopen(os.open(real, os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return answer(header, {"refused": "not a regular file"})
            data = file.read(most + 1)
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, before Python 3.13.
        return answer(header, refusal(error))
    if len(data) > most:
        return answer(header, {"refused": f"longer than {most:,} bytes"})
    return answer(header, {}, data)


def refusal(error: Exception) -> Json:
    """Tell an error of the system."""
    return {"refused": getattr(error, "strerror", None) or str(error), "errno": getattr(error, "errno", 0)}


COMMANDS = {"start": start, "hello": hello, "run": run, "put": put, "get": get, "reap": reap}

if __name__ == "__main__":
    sys.exit(main())
