"""The scenes of `python -m bench versus`. Each module here has one, or a family of them."""

from typing import Final

from bench.versus.scene import Scene

from . import (
    agent_crash,
    busy,
    fidelity,
    first_text,
    flood,
    hang,
    killed,
    last_write,
    mentions,
    orphans,
    refused_resume,
    sessions,
    streaming,
)

SCENES: Final[dict[str, Scene]] = {
    each.name: each
    for each in (
        first_text.SCENE,
        *streaming.SCENES,
        hang.SCENE,
        fidelity.SCENE,
        busy.SCENE,
        killed.SCENE,
        refused_resume.SCENE,
        sessions.SCENE,
        agent_crash.SCENE,
        orphans.SCENE,
        last_write.SCENE,
        mentions.SCENE,
        flood.SCENE,
    )
}
"""In the order in which they are played and shown."""
