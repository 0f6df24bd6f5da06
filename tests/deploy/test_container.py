"""The Dockerfile, the compose file and the example for Kubernetes, by their parts: there is no Docker in a test."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.app import REPLY_SECONDS
from bot.cli.run import run as run_command
from bot.config.load import load
from bot.config.presets import PRESETS
from bot.config.requirements import warnings
from bot.operations.loop_watchdog import LAST_ROUNDS, ROUND_SECONDS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
NOBODY = 65534
BOUND = 60.0
STOP_SECONDS = 25
"""What the bot takes at most to stop (docs/operating.md)."""

WITH_AGENTS = {"Dockerfile.claude-code": "claude", "Dockerfile.codex": "codex", "Dockerfile.opencode": "opencode"}
"""Images with an agent inside, and its preset."""


def instructions(file: str = "Dockerfile") -> list[tuple[str, str]]:
    """A Dockerfile's instructions, continued lines joined, comments left out."""
    lines = [line for line in (DEPLOY / file).read_text().splitlines() if not line.startswith("#")]
    text = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line)]


def all_of(word: str, file: str = "Dockerfile") -> list[str]:
    """What stands behind each instruction of that name."""
    return [rest for each, rest in instructions(file) if each == word]


def compose() -> dict[str, Any]:
    """The one service."""
    service: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["threadline"]
    return service


def kubernetes(kind: str) -> dict[str, Any]:
    """The object of that kind."""
    objects = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))
    (found,) = [each for each in objects if each["kind"] == kind]
    return found  # type: ignore[no-any-return]


def test_the_image_is_built_of_what_the_package_is_made_of() -> None:
    """All packages of the wheel and the files that the build reads are copied, and they are there."""
    sources = {source for copied in all_of("COPY") if "--from" not in copied for source in copied.split()[:-1]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert sources >= {*packages, "pyproject.toml", project["project"]["readme"], *project["project"]["license-files"]}
    assert all((ROOT / source).exists() for source in sources)


def test_the_image_installs_the_lock_by_its_hashes_and_runs_as_nobody_special() -> None:
    """Plain pip, no resolver; the last user is not root; the command is one that there is."""
    installs = [each for run in all_of("RUN") for each in run.split(" && ") if " pip install" in each]
    (user,) = [run for run in all_of("RUN") if run.startswith("useradd")]
    locked, building, own = installs
    assert "--no-deps --require-hashes -r deploy/requirements.txt" in locked
    assert "--no-deps --require-hashes -r deploy/build-requirements.txt" in building
    assert "--no-deps --no-index " in own
    assert "COPY --from=build /opt/threadline /opt/threadline" in map(" ".join, instructions())
    number = user.partition("--uid ")[2].split()[0]
    assert all_of("USER")[-1] == f"{number}:{number}"
    assert kubernetes("Deployment")["spec"]["template"]["spec"]["securityContext"]["runAsUser"] == int(number)
    words = [*json.loads(all_of("ENTRYPOINT")[0]), *json.loads(all_of("CMD")[0])]
    assert words[:4] == ["tini", "--", "threadline", "run"]
    assert run_command.make_context("run", words[4:]).params["given"] == Path("/etc/threadline/threadline.toml")


def test_what_has_the_token_in_its_environment_cannot_be_looked_into() -> None:
    """An agent runs under the same account: tini and Python may be started there, and not read."""
    (run,) = [run for run in all_of("RUN") if "chmod" in run]
    assert run == 'chmod 0711 /usr/bin/tini "$(readlink -f /opt/threadline/bin/python)"'
    words = [word for word, _ in instructions()]
    assert words.index("USER") > instructions().index(("RUN", run))


@pytest.mark.skipif(sys.platform != "linux" or os.getuid() != 0, reason="needs another account, on Linux")
def test_linux_hides_the_environment_of_a_program_that_cannot_be_read() -> None:
    """What the image relies on; a program that can be read shows it."""
    seen = {}
    for mode in (0o711, 0o755):
        with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # into this run's own folder nobody else may go
            Path(folder).chmod(0o711)
            program = Path(shutil.copy(shutil.which("cat") or "cat", folder))
            program.chmod(mode)
            with subprocess.Popen(
                program, env={"TOKEN": "x"}, user=NOBODY, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            ) as process:
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(b"it runs\n")
                process.stdin.flush()
                process.stdout.readline()
                read = ["cat", f"/proc/{process.pid}/environ"]
                seen[mode] = subprocess.run(read, user=NOBODY, capture_output=True, check=False, timeout=BOUND).stdout
                process.stdin.close()
    assert seen == {0o711: b"", 0o755: b"TOKEN=x\0"}


@pytest.mark.parametrize("file", ["Dockerfile", *WITH_AGENTS])
def test_no_instruction_is_one_that_a_linter_warns_of(file: str) -> None:
    """What hadolint looks for and matters here: pinned base, no `latest`, caches removed, JSON for commands."""
    bases = [base.split()[0] for base in all_of("FROM", file)]
    assert all(
        re.fullmatch(r"python:3\.\d+-slim|node:\$\{NODE_VERSION\}-slim|\$\{THREADLINE\}", base) for base in bases
    )
    for run in all_of("RUN", file):
        if "apt-get install" in run:
            assert {"--no-install-recommends", "-y"} <= set(shlex.split(run))
            assert "rm -rf /var/lib/apt/lists/*" in run
        if "pip install" in run:
            assert "--no-cache-dir" in run
        assert "sudo" not in run
    assert all(rest.startswith("[") for word in ("CMD", "ENTRYPOINT", "VOLUME") for rest in all_of(word, file))


# ---- the images with an agent inside


def arguments(file: str) -> dict[str, str]:
    """What `--build-arg` can change, with the defaults."""
    return dict(each.split("=", 1) for each in all_of("ARG", file))


@pytest.mark.parametrize("file", WITH_AGENTS)
def test_an_image_with_an_agent_is_threadlines_own_with_a_program_more(file: str) -> None:
    """Built upon the image that the pages build; the same user at the end; entry, command and volume are inherited."""
    assert f"docker build -f deploy/Dockerfile -t {arguments(file)['THREADLINE']} ." in operating_page()
    assert f"docker build -f deploy/{file} -t threadline-{file.partition('.')[2]} ." in operating_page()
    assert [base.split()[0] for base in all_of("FROM", file)] == ["node:${NODE_VERSION}-slim", "${THREADLINE}"]
    assert all_of("USER", file) == ["root", all_of("USER")[-1]]
    assert {word for word, _ in instructions(file)} == {"ARG", "FROM", "RUN", "USER", "COPY", "ENV"}
    assert all_of("COPY", file) == [
        "--from=agent /usr/local/bin/node /usr/local/bin/node",
        "--from=agent /opt/agent /opt/agent",
    ]
    assert all_of("ENV", file) == ["PATH=/opt/agent/bin:$PATH"]


@pytest.mark.parametrize(("file", "preset"), WITH_AGENTS.items())
def test_an_image_installs_what_its_preset_names_in_pinned_versions(file: str, preset: str) -> None:
    """Into the folder that is copied; the adapter is the one that the preset was measured with."""
    (install,) = [run for run in all_of("RUN", file) if "npm install" in run]
    assert "--prefix /opt/agent " in install
    packages = re.findall(r'"(@?[a-z/-]+)@\$\{([A-Z_]+)\}"', install)
    assert PRESETS[preset].install.startswith("npm install -g " + " ".join(name for name, _ in packages))
    versions = [arguments(file)[variable] for _, variable in packages]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions)
    assert PRESETS[preset].source.startswith(f"measured: {versions[0]}")
    assert "://" not in (DEPLOY / file).read_text()  # Whoever builds chooses where packages come from.


def operating_page() -> str:
    """The page that says how to build."""
    return (ROOT / "docs/operating.md").read_text()


def test_the_runtime_lock_is_the_part_of_the_lock_that_is_needed() -> None:
    """The same versions with the same hashes, nothing that only a developer needs."""
    names = locked_alike("requirements.txt")
    assert {"discord-py", "aiohttp", "pydantic", "click"} <= names
    assert names.isdisjoint({"pytest", "mypy", "ruff", "mkdocs", "hatchling"})


def test_what_builds_the_package_in_the_image_is_locked_too() -> None:
    """What a build backend does is in every image: the newest one of the day is not taken unseen."""
    assert {"hatchling", "pathspec", "pluggy", "packaging", "trove-classifiers"} <= locked_alike(
        "build-requirements.txt"
    )


def locked_alike(name: str) -> set[str]:
    """The packages of a lock of `deploy/`, all of which have the version and the hashes of the whole lock."""
    everything = (ROOT / "requirements.txt").read_text()
    blocks = re.split(r"\n(?=[a-z])", (DEPLOY / name).read_text().strip())
    hashes = set(re.findall(r"sha256:\w+", everything))
    names = set()
    for block in blocks:
        name, version = re.match(r"([a-z0-9-]+)==(\S+)", block).groups()  # type: ignore[union-attr]
        names.add(name)
        assert f"{name}=={version}" in everything
        assert set(re.findall(r"sha256:\w+", block)) <= hashes
    return names


def test_compose_keeps_what_must_stay_and_leaves_time_to_stop() -> None:
    """Read-only but for volumes and /tmp; the journal is on one; no more rights than any process has (P65)."""
    service = compose()
    assert service["read_only"] is True
    assert int(service["stop_grace_period"].removesuffix("s")) > STOP_SECONDS > REPLY_SECONDS
    assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
    state = dict(each.split("=", 1) for env in all_of("ENV") for each in env.split())["XDG_STATE_HOME"]
    targets = [volume.split(":")[1] for volume in service["volumes"]]
    assert f"{state}/threadline" in targets
    assert [json.loads(volume)[0] for volume in all_of("VOLUME")] == [f"{state}/threadline"]
    assert any(each.startswith("/tmp") for each in service["tmpfs"])  # noqa: S108 - a container's
    assert (ROOT / "deploy" / service["build"]["context"] / service["build"]["dockerfile"]).exists()


def test_the_examples_name_the_images_of_this_version() -> None:
    """As `make images` tags them."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    (container,) = kubernetes("Deployment")["spec"]["template"]["spec"]["containers"]
    assert compose()["image"] == f"threadline:{version}"
    assert container["image"] == f"threadline-claude-code:{version}"


def test_kubernetes_runs_one_pod_and_never_two() -> None:
    """The old one has gone before the new one starts; a restart is for a process that does not answer (P66)."""
    spec = kubernetes("Deployment")["spec"]
    assert (spec["replicas"], spec["strategy"]["type"]) == (1, "Recreate")
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["terminationGracePeriodSeconds"] > STOP_SECONDS
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["readinessProbe"]["httpGet"]["path"] == "/health"
    liveness = container["livenessProbe"]
    assert liveness["httpGet"]["path"] == "/live"
    assert liveness["failureThreshold"] * liveness["periodSeconds"] > LAST_ROUNDS * ROUND_SECONDS
    mounts = {mount["name"] for mount in container["volumeMounts"]}
    assert mounts == {volume["name"] for volume in pod["volumes"]}


def test_the_configuration_in_the_example_for_kubernetes_is_one(tmp_path: Path) -> None:
    """It loads as it stands, but for the agent and the folder of another machine; its port is the probes'."""
    text = kubernetes("ConfigMap")["data"]["threadline.toml"]
    (work := tmp_path / "work").mkdir()
    text = text.replace('cwd = "/work"', f'cwd = "{work}"\ncommand = "{sys.executable}"')
    (tmp_path / "threadline.toml").write_text(text)
    config = load(tmp_path / "threadline.toml", {"DISCORD_TOKEN": "a token that opens nothing"})
    assert warnings(config) == []
    (container,) = kubernetes("Deployment")["spec"]["template"]["spec"]["containers"]
    assert config.metrics.address == ("0.0.0.0", container["ports"][0]["containerPort"])  # noqa: S104
