"""The configuration of places: the other machines on which agents run, and how each is reached."""

import re
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from acp.places.engine import ENGINES, Engine
from acp.places.here import HERE

from . import error_texts as texts
from .values import ConfigTable, Name, Size

EngineName = Literal["ssh", "slurm", "kubernetes", "docker", "podman"]

_CLIENT_VARIABLES = {
    "ssh": ("SSH_AUTH_SOCK",),
    "slurm": ("SLURM_CONF",),
    "kubernetes": ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"),
    "docker": ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG"),
    "podman": ("XDG_RUNTIME_DIR", "CONTAINER_HOST"),
}
"""Variables that the client of an engine needs. Slurm passes its client's variables on, so all others stay here."""

MAX_NAME = 32
"""Most characters of a place's name, which is part of the names of jobs and Pods."""

_WITH_IMAGE = frozenset({"kubernetes", "docker", "podman"})


def _host(name: str) -> str:
    # One that begins with a hyphen would be an option of ssh.
    if not re.fullmatch(r"([A-Za-z0-9_.:\[\]][A-Za-z0-9_.:@\[\]-]*)?", name):
        raise ValueError(texts.NOT_A_HOST)
    return name


def _absolute(path: str) -> str:
    if not PurePosixPath(path).is_absolute():
        raise ValueError(texts.NOT_ABSOLUTE_THERE)
    return path


class PlaceConfig(ConfigTable):
    """`[places.NAME]`: another machine, or a cluster. An empty template is the engine's own."""

    engine: EngineName = "ssh"
    host: Annotated[str, AfterValidator(_host)] = ""
    options: tuple[Name, ...] = ()
    image: str = ""
    namespace: str = "default"
    pod: dict[str, Any] = Field(default_factory=dict)
    enter: tuple[Name, ...] = ()
    inside: tuple[Name, ...] = ()
    waiting: tuple[Name, ...] = ()
    reap: tuple[Name, ...] = ()
    runner: Annotated[tuple[Name, ...], Field(min_length=1)] = ("python3",)
    inherit_env: tuple[Name, ...] = ()
    files: Annotated[str, AfterValidator(_absolute)] = "/var/tmp/threadline"  # noqa: S108 - `check` sees whose it is
    max_agents: Annotated[int, Field(ge=1, le=1000)] = 8
    memory: Size = 0
    keep_alive_seconds: Annotated[float, Field(ge=3, le=600)] = 30
    start_minutes: Annotated[float, Field(gt=0, le=7 * 24 * 60)] = 10

    @model_validator(mode="after")
    def _complete(self) -> "PlaceConfig":
        if not (self.host or self.enter or ENGINES[self.engine].enter):
            raise ValueError(texts.PLACE_NEEDS_HOST)
        if self.engine in _WITH_IMAGE and not (self.image or self.enter):
            raise ValueError(texts.place_needs_image(self.engine))
        if any("{name}" in word for word in self.reap):
            raise ValueError(texts.REAP_BY_NAME)
        return self

    @property
    def client_variables(self) -> tuple[str, ...]:
        """The names of our variables that the engine's client gets, besides those that every agent gets."""
        return (*_CLIENT_VARIABLES["ssh"], *_CLIENT_VARIABLES[self.engine], *self.inherit_env)

    @property
    def may_isolate(self) -> bool:
        """Whether agents may be in a sandbox there: in a container, or in what `enter` starts."""
        return self.engine in _WITH_IMAGE or bool(self.enter)

    def command_lines(self) -> Engine:
        """Return how processes are started there, without the runner's source."""
        preset = ENGINES[self.engine]
        # With ssh alone, the options are those of the connection; else they are the engine's own.
        to_ssh = self.engine == "ssh"
        return Engine(
            enter=self.enter or preset.enter,
            inside=self.inside or preset.inside,
            waiting=self.waiting or preset.waiting,
            reap=self.reap or preset.reap,
            host=self.host,
            host_options=self.options if to_ssh else (),
            options=() if to_ssh else self.options,
            image=self.image,
            namespace=self.namespace,
            pod=self.pod,
            runner=self.runner,
            start_seconds=self.start_minutes * 60,
        )


def place_name(name: str) -> str:
    """Check the NAME of a table `[places.NAME]`. Raises `ValueError`."""
    if len(name) > MAX_NAME or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        raise ValueError(texts.no_places_name(name))
    if name == HERE:
        raise ValueError(texts.HERE_IS_THIS_MACHINE)
    return name


PlaceName = Annotated[str, AfterValidator(place_name)]
