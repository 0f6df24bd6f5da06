"""The scenes of `python -m bench versus`. Each module here has one, or a family of them."""

from typing import Final

from bench.versus.scene import Scene

from . import busy, first_text, mentions

SCENES: Final[dict[str, Scene]] = {each.name: each for each in (first_text.SCENE, busy.SCENE, mentions.SCENE)}
"""In the order in which they are played and shown."""
