"""The command lines of the engines, as text."""

import json
import re
import shlex
import subprocess
from dataclasses import replace

import pytest

from acp.places.engine import ENGINES, SSH, Engine, Job

JOB = Job("worker1", "0123abcd/7")
ALL = Job("worker1", "0123abcd/")


def test_a_job_has_a_name_that_is_a_dns_label() -> None:
    """For a journal's agents and for those of a check, whose markers are long and have other characters."""
    assert JOB.name == "threadline-0123abcd-worker1-7"
    for marker in ("0123abcd/r9f", f"doctor-{'f' * 32}/1", "Some_Thing/1"):
        for place in ("a", "p" * 32):
            assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", Job(place, marker).name)
    assert Job("p" * 32, f"doctor-{'f' * 32}/1").name != Job("p" * 32, f"doctor-{'e' * 32}/1").name


def test_the_pattern_of_one_job_matches_no_other_and_that_of_a_journal_all_of_its_jobs() -> None:
    """Number 7 is not number 71; another journal and another place, whose name is longer, are not meant."""
    assert re.search(JOB.pattern, JOB.name)
    assert not re.search(JOB.pattern, Job("worker1", "0123abcd/71").name)
    for marker in ("0123abcd/7", "0123abcd/71", "0123abcd/r9f"):
        assert re.search(ALL.pattern, Job("worker1", marker).name)
    for other in (Job("worker1", "0123abcde/7"), Job("worker1-b", "0123abcd/7"), Job("worker1-7", "0123abcd/7")):
        assert not re.search(ALL.pattern, other.name)


@pytest.mark.parametrize("journal", ["0123abcd" * 2, f"doctor-{'f' * 32}"])
@pytest.mark.parametrize("place", ["a", "p" * 26, "p" * 32])
def test_the_pattern_of_a_journal_matches_its_jobs_however_long_its_place_is_called(journal: str, place: str) -> None:
    """Else a killed bot's jobs would stay there: those of agents, and those of short commands."""
    for agent in ("7", "123", "a1b27", "a1b21234567", "a1b2r0123ab"):
        job = Job(place, f"{journal}/{agent}")
        assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", job.name)
        assert re.search(Job(place, f"{journal}/").pattern, job.name)


@pytest.mark.parametrize("place", ["a", "p" * 32])
def test_the_pattern_of_earlier_runs_matches_the_jobs_of_all_runs_but_one(place: str) -> None:
    """It may be used while that run has jobs. Those of a place with a longer name are not meant."""
    earlier = Job(place, "0123abcd/", run="a1b2")
    for agent, is_earlier in (
        *(("a1b27", False), ("a1b2r0123ab", False), ("a1b37", True), ("b1b27", True)),
        *(("a1c2r0123ab", True), ("00001", True), ("a0b2123", True)),
    ):
        assert bool(re.search(earlier.pattern, Job(place, f"0123abcd/{agent}").name)) == is_earlier
        assert not re.search(earlier.pattern, Job(f"{place}-b", f"0123abcd/{agent}").name)
    found = subprocess.run(
        ["/usr/bin/env", "awk", "-v", f"name={earlier.pattern}", "$1 ~ name { print $1 }"],
        input="".join(f"{Job(place, f'0123abcd/{agent}').name}\n" for agent in ("a1b27", "a1c217")),
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split() == [Job(place, "0123abcd/a1c217").name]
    assert earlier.spared == "0123abcd/a1b2"


def test_one_line_ends_several_jobs() -> None:
    """By a pattern that matches each of their names and no other, or by a selector of Kubernetes."""
    jobs = [Job("worker1", f"0123abcd/a1b2{number}", run="a1b2") for number in (7, 8)]
    pattern = ENGINES["slurm"].reap_line(*jobs)[-1]
    for number, is_meant in ((7, True), (8, True), (71, False), (18, False)):
        name = Job("worker1", f"0123abcd/a1b2{number}").name
        assert bool(re.search(pattern, name)) == is_meant
    common = "threadline-journal=0123abcd,threadline-place=worker1"
    assert f"--selector={common},threadline-run=a1b2,threadline-agent in (a1b27,a1b28)" in ENGINES[
        "kubernetes"
    ].reap_line(*jobs)
    earlier = Job("worker1", "0123abcd/", run="a1b2")
    assert f"--selector={common},threadline-run!=a1b2" in ENGINES["kubernetes"].reap_line(earlier)


def test_the_labels_of_a_job_are_also_its_selector_and_those_of_a_journal_select_all() -> None:
    """Kubernetes takes them in the same form for both."""
    assert JOB.label == "threadline-journal=0123abcd,threadline-place=worker1,threadline-agent=7"
    assert ALL.label == "threadline-journal=0123abcd,threadline-place=worker1"


def test_an_argument_without_a_value_for_its_placeholder_is_left_out() -> None:
    """A limit of 0 would mean none, or all of a machine's memory."""
    slurm = replace(ENGINES["slurm"], runner=("run",))
    assert slurm.start_line(JOB) == ("srun", "--quiet", "--ntasks=1", "--job-name=threadline-0123abcd-worker1-7", "run")
    assert "--mem=2048M" in slurm.start_line(replace(JOB, memory=2 * 1024**3))
    assert "--mem=1M" in slurm.start_line(replace(JOB, memory=1))


def test_options_stand_where_the_template_has_them_with_their_placeholders_filled() -> None:
    """Before the command that is started; braces of other kinds stay."""
    docker = replace(ENGINES["docker"], image="agents:1", options=("--hostname={name}", "--env=A={b}"), runner=("run",))
    line = docker.start_line(JOB)
    assert line[-4:] == ("--hostname=threadline-0123abcd-worker1-7", "--env=A={b}", "agents:1", "run")


def test_a_host_gets_the_line_as_one_quoted_word_for_its_shell() -> None:
    """Whatever the words contain, the far shell sees the same words."""
    words = ("run", "it's", 'a "word"\n', "$HOME", "*")
    engine = Engine(host="agents@worker1", host_options=("-p", "2222"), enter=("bwrap", "--"), runner=words)
    line = engine.start_line(JOB)
    assert line[:3] == ("ssh", "-p", "2222")  # The first value of an option is the one that counts.
    assert line[3:-2] == SSH[1:]
    assert line[-2] == "agents@worker1"
    assert shlex.split(line[-1]) == ["bwrap", "--", *words]
    echoed = subprocess.run(["/bin/sh", "-c", f"printf '%s|' {shlex.join(words)}"], capture_output=True, check=True)
    assert echoed.stdout.decode() == "|".join([*words, ""])


def test_every_line_of_another_engine_runs_at_its_host() -> None:
    """The client of Slurm is on the login node: also for why a job waits, and to end it."""
    slurm = replace(ENGINES["slurm"], host="login")
    lines = [slurm.start_line(JOB), slurm.short_line(JOB, None), slurm.waiting_line(JOB), slurm.reap_line(ALL)]
    assert all(line[0] == "ssh" and line[-2] == "login" for line in lines)


def test_a_machine_behind_ssh_has_no_line_of_its_own_for_waiting_and_reaping() -> None:
    """It starts at once, and the runner's search ends what is left."""
    engine = replace(ENGINES["ssh"], host="worker1")
    assert engine.waiting_line(JOB) == ()
    assert engine.reap_line(ALL) == ()
    assert engine.shares_processes


def test_a_short_command_runs_inside_an_agent_that_runs_or_else_in_a_job_of_its_own() -> None:
    """In a container; beside the jobs of Slurm it needs none."""
    docker = replace(ENGINES["docker"], image="agents:1", runner=("run",))
    short = Job("worker1", "0123abcd/r9f")
    assert docker.short_line(short, JOB) == ("docker", "exec", "--interactive", "threadline-0123abcd-worker1-7", "run")
    assert docker.short_line(short, None) == docker.start_line(short)
    assert not docker.shares_processes
    slurm = replace(ENGINES["slurm"], runner=("run",))
    assert slurm.short_line(short, JOB) == slurm.short_line(short, None) == ("env", "run")
    assert slurm.shares_processes
    assert replace(docker, reap=()).shares_processes


def test_a_pod_has_its_limit_no_token_of_the_cluster_and_what_the_configuration_adds() -> None:
    """The first container of the configuration is the agent's."""
    engine = replace(
        ENGINES["kubernetes"],
        image="agents:1",
        namespace="agents",
        pod={
            "runtimeClassName": "gvisor",
            "volumes": [{"name": "work"}],
            "containers": [{"volumeMounts": [{"name": "work"}]}, {"name": "other"}],
        },
    )
    line = engine.start_line(replace(JOB, memory=512 * 1024**2))
    assert line[-3:] == ("--command", "--", "python3")
    assert "--namespace=agents" in line
    assert "--labels=threadline-journal=0123abcd,threadline-place=worker1,threadline-agent=7" in line
    (overrides,) = (word.partition("=")[2] for word in line if word.startswith("--overrides="))
    spec = json.loads(overrides)["spec"]
    assert spec["runtimeClassName"] == "gvisor"
    assert spec["automountServiceAccountToken"] is False
    agent, other = spec["containers"]
    assert agent["name"] == JOB.name
    assert agent["resources"] == {"requests": {"memory": "512Mi"}, "limits": {"memory": "512Mi"}}
    assert agent["volumeMounts"] == [{"name": "work"}]
    assert other == {"name": "other"}
    assert "resources" not in json.loads(engine._pod(JOB))["spec"]["containers"][0]


@pytest.mark.parametrize("name", ENGINES)
def test_no_line_of_an_engine_has_a_placeholder_left(name: str) -> None:
    """The braces of kubectl's and awk's own languages stay."""
    engine = replace(ENGINES[name], host="h", image="i", namespace="n")
    for line in (engine.start_line(JOB), engine.short_line(JOB, JOB), engine.waiting_line(JOB), engine.reap_line(ALL)):
        assert not any(
            re.search(r"\{(name|label|pattern|memory_mb|pod|host|image|namespace|options)\}", word) for word in line
        )
