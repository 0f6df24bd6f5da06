"""Engines: the command lines by which processes are started on other machines. Pure.

A template is an argument list with placeholders. `{options}` as an argument of its own stands for any number of
arguments. An argument that contains a placeholder without a value is left out, so `--mem={memory_mb}M` appears only for
an agent that reserves memory.

| placeholder | value |
|---|---|
| `{name}` | the job's name, a DNS label: `threadline-<journal id>-<place>-<run><n>` |
| `{label}` | Kubernetes labels that select the job; for `reap` also several, or all jobs of earlier runs |
| `{pattern}` | a regular expression that matches the job's name, or the names of these jobs |
| `{memory_mb}` | the memory that the agent reserves, in MiB |
| `{pod}` | a Pod's specification as JSON, for `kubectl run --overrides` |
| `{host}`, `{image}`, `{namespace}` | as configured |
"""

import hashlib
import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

Argv = tuple[str, ...]

_PLACEHOLDER = re.compile(r"\{(name|label|pattern|memory_mb|pod|host|image|namespace)\}")

_MIB = 1024 * 1024

_LABEL = 63
"""Most characters of a DNS label."""

_AGENT = 11
"""Characters that are kept for the run, and for an agent's number or the token of a short command."""

SSH: Final = (
    "ssh",
    "-T",  # no terminal: bytes pass unchanged
    "-a",  # the far machine may not use our keys
    "-x",
    *("-o", "BatchMode=yes"),  # a question would wait for ever
    *("-o", "StrictHostKeyChecking=yes"),  # a host whose key is not pinned is refused
    *("-o", "ConnectTimeout=15"),
    *("-o", "ServerAliveInterval=5"),  # without it a dead link is not noticed
    *("-o", "ServerAliveCountMax=3"),
    *("-o", "ControlPath=none"),  # the end of a shared connection would end all its agents
    *("-o", "ClearAllForwardings=yes"),
    *("-o", "LogLevel=ERROR"),  # stderr names the reason of a failure, not the host's banner
)
"""The client and the options that every connection needs."""


@dataclass(frozen=True, slots=True)
class Job:
    """What an engine starts and ends: an agent, by its marker `<journal id>/<run><n>`, or all of a journal's.

    The marker of all is the prefix `<journal id>/`. Without those of the run `run`, if any: these are not earlier ones.
    `place` is a DNS label; two places may share a machine. `memory`: the bytes that the agent reserves, 0 for none.
    """

    place: str
    marker: str
    memory: int = 0
    run: str = ""

    @property
    def is_prefix(self) -> bool:
        """Whether it stands for all of a journal's."""
        return self.marker.endswith("/")

    @property
    def spared(self) -> str:
        """The prefix of the markers that it does not stand for; empty for none."""
        return f"{self.marker}{self.run}" if self.is_prefix and self.run else ""

    @property
    def name(self) -> str:
        """Its name in the engine: a DNS label (RFC 1123), so lower-case letters, digits and hyphens."""
        journal, agent = self._parts
        # Whether it is too long must not depend on the agent: the names of all of a journal's begin alike.
        common = f"{journal}-{self.place}"
        if len(f"threadline-{common}-") + _AGENT > _LABEL:
            common = hashlib.sha256(common.encode()).hexdigest()[:32]
        return f"threadline-{common}-{agent}"

    @property
    def label(self) -> str:
        """Its labels in Kubernetes, which are also the selector that finds it."""
        journal, agent = self._parts
        labels = [f"threadline-journal={journal}", f"threadline-place={self.place}"]
        if self.run:
            labels.append(f"threadline-run{'!=' if self.is_prefix else '='}{self.run}")
        return ",".join(labels if self.is_prefix else [*labels, f"threadline-agent={agent}"])

    @property
    def pattern(self) -> str:
        """The POSIX extended regular expression that finds its name."""
        if not self.is_prefix:
            return f"^{self.name}$"
        others = "|".join(f"{self.run[:length]}[^{each}-]" for length, each in enumerate(self.run))
        return f"^{self.name}({others})[a-z0-9]*$" if others else f"^{self.name}[a-z0-9]+$"

    @property
    def _parts(self) -> list[str]:
        # The agent's part gets no hyphen: a name's end must not look like that of a place with a longer name.
        journal, _, agent = self.marker.lower().partition("/")
        return [re.sub(r"[^a-z0-9]", "", each) for each in (journal, agent)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """How processes are started at a place: four templates, and the values of their placeholders.

    With a `host`, all lines run there through SSH. Its shell reads one word, into which the line is quoted.
    """

    enter: Argv = ()
    """Starts the words behind it as a new job, with their stdin, stdout and stderr."""

    inside: Argv = ()
    """Starts short commands, in place of `enter`. Where it contains `{name}`, it needs an agent that runs."""

    waiting: Argv = ()
    """Prints on one line why a job has not started. It prints an empty line, or none, for one that has."""

    reap: Argv = ()
    """Ends jobs, and exits with 0 once they have ended. It prints a word for each, on a line of its own.

    It selects them by `{label}` or `{pattern}`: there is no `{name}` for several. Empty: the runner's search ends them.
    """

    host: str = ""
    host_options: Argv = ()
    """Arguments of `ssh`. They precede `SSH`'s, since the first value of an option is the one that counts."""

    options: Argv = ()
    image: str = ""
    namespace: str = ""
    pod: Mapping[str, Any] = field(default_factory=dict)
    """A Pod's `spec`, merged into the one that is made. Its first container is the agent's."""

    runner: Argv = ("python3",)
    """The command that starts the runner there."""

    start_seconds: float = 600.0
    """The most seconds that a start may take, with the time in the place's queue."""

    def start_line(self, job: Job) -> Argv:
        """Return the command line that starts the runner as a new job."""
        return self._line(self.enter, job, words=self.runner)

    def short_line(self, job: Job, running: Job | None) -> Argv:
        """Return the command line that starts the runner for a short command, where `running` is an agent, if any."""
        if self.makes_job(running):
            return self._line(self.enter, job, words=self.runner)
        return self._line(self.inside, running or job, words=self.runner)

    def makes_job(self, running: Job | None) -> bool:
        """Whether a short command is a job of its own, where `running` is an agent, if any."""
        return not self.inside or (self.needs_agent and running is None)

    def waiting_line(self, job: Job) -> Argv:
        """Return the command line that prints why a job waits; empty where the engine has none."""
        return self._line(self.waiting, job) if self.waiting else ()

    def reap_line(self, *jobs: Job) -> Argv:
        """Return the command line that ends jobs of one run; empty where the engine has none."""
        return self._line(self.reap, *jobs) if self.reap else ()

    @property
    def needs_agent(self) -> bool:
        """Whether short commands run inside an agent's job rather than beside it."""
        return any("{name}" in word for word in self.inside)

    @property
    def shares_processes(self) -> bool:
        """Whether the runner of a short command sees the processes of the agents there."""
        return not self.reap or (bool(self.inside) and not self.needs_agent)

    def _line(self, template: Argv, *jobs: Job, words: Argv = ()) -> Argv:
        line = (*self._filled(template, jobs), *words)
        return (*SSH[:1], *self.host_options, *SSH[1:], self.host, shlex.join(line)) if self.host else line

    def _filled(self, template: Sequence[str], jobs: Sequence[Job]) -> Iterator[str]:
        job = jobs[0]
        values = {
            "name": job.name,
            "label": _selector(jobs),
            "pattern": "|".join(each.pattern for each in jobs),
            "memory_mb": str(_mib(job)) if job.memory else "",
            "pod": self._pod(job),
            "host": self.host,
            "image": self.image,
            "namespace": self.namespace,
        }
        for word in template:
            if word == "{options}":
                yield from self._filled(self.options, jobs)
            elif all(values[each] for each in _PLACEHOLDER.findall(word)):
                yield _PLACEHOLDER.sub(lambda match: values[match[1]], word)

    def _pod(self, job: Job) -> str:
        """Return the Pod's specification: no token of the cluster, no new privileges, and the memory as its limit."""
        first, *others = self.pod.get("containers") or [{}]
        container: dict[str, Any] = {
            "name": job.name,
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
        if job.memory:
            memory = {"memory": f"{_mib(job)}Mi"}
            container["resources"] = {"requests": memory, "limits": memory}
        spec = {"automountServiceAccountToken": False, "enableServiceLinks": False, **self.pod}
        spec["containers"] = [{**container, **first}, *others]
        return json.dumps({"apiVersion": "v1", "spec": spec}, separators=(",", ":"))


def _mib(job: Job) -> int:
    return -(-job.memory // _MIB)


def _selector(jobs: Sequence[Job]) -> str:
    """Return the selector that finds jobs of one run in Kubernetes. Only their last labels differ."""
    if len(jobs) == 1:
        return jobs[0].label
    common, _, _ = jobs[0].label.rpartition(",")
    agents = ",".join(job.label.rpartition("=")[2] for job in jobs)
    return f"{common},threadline-agent in ({agents})"


def _container(program: str) -> Engine:
    return Engine(
        enter=(
            *(program, "run", "--interactive", "--rm", "--name={name}", "--entrypoint="),
            *("--log-driver=none", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--memory={memory_mb}m"),
            *("{options}", "{image}"),
        ),
        inside=(program, "exec", "--interactive", "{name}"),
        reap=(
            *("sh", "-c"),
            f'ids=$({program} ps -aq --filter "name=$1") && {{ [ -z "$ids" ] || {program} rm --force $ids; }}',
            *("reap", "{pattern}"),
        ),
    )


# Slurm may take half a minute to end a job (KillWait), and asks its controller each time.
_CANCEL = """\
for second in $(seq 60); do
  jobs=$(squeue --noheader --user="$(id -un)" --format="%i %j") || exit 1
  ids=$(printf "%s\\n" "$jobs" | awk -v name="$1" '$2 ~ name { print $1 }')
  [ -n "$ids" ] || exit 0
  if [ "$second" = 1 ]; then echo "$ids"; scancel $ids; fi
  sleep 1
done
exit 1
"""

# The scheduler's reason, or else that of the container, such as a wrong image.
_WHY_PENDING = (
    '{range .items[*]}{.status.phase}: {.status.conditions[?(@.reason=="Unschedulable")].message}'
    " {.status.containerStatuses[*].state.waiting.reason}{end}"
)

ENGINES: Mapping[str, Engine] = MappingProxyType(
    {
        "ssh": Engine(),
        "slurm": Engine(
            enter=("srun", "--quiet", "--ntasks=1", "--job-name={name}", "--mem={memory_mb}M", "{options}"),
            inside=("env",),  # beside the jobs: the nodes share their files with the machine that submits
            waiting=("squeue", "--noheader", "--name={name}", "--states=PENDING", "--format=%T: %r"),
            reap=("sh", "-c", _CANCEL, "reap", "{pattern}"),
        ),
        "kubernetes": Engine(
            enter=(
                *("kubectl", "run", "{name}", "--namespace={namespace}", "--image={image}", "--labels={label}"),
                # How long kubectl waits is bounded by `start_seconds`.
                *("--restart=Never", "--rm", "--stdin", "--quiet", "--pod-running-timeout=168h"),
                *("--override-type=strategic", "--overrides={pod}", "{options}", "--command", "--"),
            ),
            inside=("kubectl", "exec", "--stdin", "--namespace={namespace}", "{name}", "--"),
            waiting=(
                *("kubectl", "get", "pods", "--namespace={namespace}"),
                "--field-selector=metadata.name={name},status.phase=Pending",
                f"--output=jsonpath={_WHY_PENDING}",
            ),
            reap=(
                *("kubectl", "delete", "pods", "--namespace={namespace}", "--selector={label}", "--output=name"),
                *("--ignore-not-found", "--grace-period=10", "--timeout=60s"),
            ),
        ),
        "docker": _container("docker"),
        "podman": _container("podman"),
    }
)
"""The engines that need no template. A machine behind SSH needs none, since its host is enough."""
