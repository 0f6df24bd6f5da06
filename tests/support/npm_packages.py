"""Installs the locked npm packages of a folder, for the tests that need them."""

import asyncio
import fcntl
import shutil
from pathlib import Path

import pytest

BOUND = 100.0
"""Seconds for one installation."""

# Without install scripts, and without requests other than for the packages.
NPM_CI = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=optional")


async def install_locked(folder: Path, name: str) -> None:
    """Install what the folder's lock file names, unless it is there. Skips the test if that is impossible."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip(f"no npm on this machine: {name} is not tried")
    with (folder / "package-lock.json").open() as file:  # test files run side by side
        await asyncio.to_thread(fcntl.flock, file, fcntl.LOCK_EX)
        lock, stamp = file.read(), folder / "node_modules" / ".installed"
        if not stamp.exists() or stamp.read_text() != lock:
            await _run(npm, folder, name)
            stamp.write_text(lock)


async def _run(npm: str, folder: Path, name: str) -> None:
    process = await asyncio.create_subprocess_exec(
        npm, *NPM_CI, cwd=folder, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(BOUND):
            _, said = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        pytest.skip(f"npm did not install {name} in time")
    if process.returncode != 0:
        pytest.skip(f"npm could not install {name}: {said.decode(errors='replace')[-300:]}")
