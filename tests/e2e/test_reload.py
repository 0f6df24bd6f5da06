"""`/reload` and SIGHUP: who may do what changes under a running turn, and a broken file changes nothing."""

import os
import signal
from pathlib import Path

from tests.e2e.stage import numbers, said, stage, write_config


async def test_reloading_lets_somebody_in_and_out_while_a_turn_runs(tmp_path: Path) -> None:
    """By command and by signal; only admins may; the turn streams on, and a wrong file is told with its line."""
    audit = tmp_path / "audit.jsonl"
    extra = f'[audit]\npath = "{audit}"'
    async with stage(tmp_path, extra=extra) as place:
        thread = await place.thread("stream 100 20")
        await place.ann.sees(thread, "1 2 3", by=place.bot)
        refused = await place.mallory.slash(thread, "status")
        assert "may not talk" in said(refused)
        assert "may not do what admins do" in said(await place.ben.slash(thread, "reload"))

        everybody = 'users = ["*"]'
        write_config(place.config, place, access=everybody, extra=extra + "\n[pool]\nmax_agents = 3")
        told = said(await place.ann.slash(thread, "reload"))
        assert "Taken over: access.users." in told
        assert "pool.max\\_agents" in told
        assert "working" in said(await place.mallory.slash(thread, "status"))

        place.config.write_text(place.config.read_text() + "\n[acces]\n")
        told = said(await place.ann.slash(thread, "reload"))
        assert "Nothing has changed" in told
        assert "unknown key" in told
        assert "working" in said(await place.mallory.slash(thread, "status"))

        write_config(place.config, place, extra=extra)
        os.kill(os.getpid(), signal.SIGHUP)
        await place.ann.sees(thread, numbers(1, 100), by=place.bot)
        assert "may not talk" in said(await place.mallory.slash(thread, "status"))
    text = audit.read_text()
    assert '"deed": "started"' in text
    assert '"what": "/reload"' in text
    assert '"what": "configuration: access.users"' in text
    assert f'"deed": "refused", "user_id": "{place.mallory.id}"' in text
