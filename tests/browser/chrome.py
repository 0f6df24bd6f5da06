"""A headless Chromium over its DevTools protocol, with the actions of a person on a page.

Source: the Chrome DevTools Protocol, domains Browser, Emulation, Input, Log, Network, Page, Runtime and Target.
"""

import asyncio
import base64
import itertools
import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

BOUND = 30.0
"""The bound on waits in seconds, only for hangs."""

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-sync",
    # Every page here is of one site, so a tab needs one renderer: neither a second after about:blank nor a spare.
    "--disable-site-isolation-trials",
    "--disable-features=SpareRendererForSitePerProcess",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--lang=en-GB",
    "--remote-debugging-port=0",
)
MESSAGE_BYTES = 64 * 1024 * 1024
KEYS = {"Enter": (13, "\r"), "Escape": (27, ""), "Tab": (9, "\t"), "ArrowUp": (38, ""), "ArrowDown": (40, "")}

# Checks the condition first, and then after every change of the page.
UNTIL = """
new Promise((resolve) => {
  const look = () => {
    const value = (() => { return %s; })();
    if (value) { seeing.disconnect(); resolve(typeof value === "object" ? true : value); return true; }
    return false;
  };
  const seeing = new MutationObserver(look);
  for (const name of ["input", "focusin", "scroll", "load", "close", "hashchange"]) addEventListener(name, look, true);
  if (!look()) seeing.observe(document, { attributes: true, childList: true, characterData: true, subtree: true });
})
"""

# The middle of an element after it has stopped moving, because content gets its true size in view.
STILL = """
(async () => {
  const frame = () => Promise.race([new Promise(requestAnimationFrame), new Promise((done) => setTimeout(done, 100))]);
  let before = null;
  for (;;) {
    const one = [...document.querySelectorAll(%s)].find(%s);
    if (one) {
      one.scrollIntoView({ block: "nearest" });
      await frame();
      const box = one.getClientRects()[0];
      const now = box && { x: box.x + box.width / 2, y: box.y + box.height / 2 };
      if (now && before && now.x === before.x && now.y === before.y) return now;
      before = now;
    }
    await frame();
  }
})()
"""


def find() -> str | None:
    """Return the path of a Chromium or Chrome, None if there is none."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for name in names if (path := shutil.which(name))), None)


class Page:
    """One tab, with a person's actions, and waits for its content. `problems` has the console's errors and warnings."""

    def __init__(self, chrome: "Browser", session: str) -> None:
        self._chrome = chrome
        self._session = session
        self.problems: list[str] = []

    async def call(self, method: str, **arguments: Any) -> Any:
        """Call a DevTools method on this tab."""
        return await self._chrome.call(method, self._session, **arguments)

    def hear(self, method: str, event: Any) -> None:
        """Keep errors and warnings of the console."""
        match method:
            case "Runtime.exceptionThrown":
                details = event["exceptionDetails"]
                self.problems.append(str(details.get("exception", {}).get("description") or details["text"]))
            case "Runtime.consoleAPICalled" if event["type"] in {"error", "warning", "assert"}:
                self.problems.append(" ".join(str(one.get("value", one.get("description"))) for one in event["args"]))
            case "Log.entryAdded" if event["entry"]["level"] in {"error", "warning"}:
                self.problems.append(f"{event['entry']['text']} {event['entry'].get('url', '')}")

    async def go(self, address: str) -> None:
        """Open an address, and wait until the page has loaded."""
        await self.call("Page.navigate", url=address)
        await self.until("document.readyState === 'complete'")

    async def evaluate(self, script: str) -> Any:
        """Return the awaited value of a JavaScript expression. Raises AssertionError if it throws."""
        answer = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if problem := answer.get("exceptionDetails"):
            raise AssertionError(problem.get("exception", {}).get("description") or problem["text"])
        return answer["result"].get("value")

    async def until(self, condition: str) -> Any:
        """Wait until an expression is true. On time-out raises AssertionError with the page's text."""
        try:
            async with asyncio.timeout(BOUND):
                while True:
                    try:
                        return await self.evaluate(UNTIL % condition)
                    except ConnectionResetError:  # the page was left during the wait
                        continue
        except TimeoutError:
            seen = await self.evaluate("document.body.innerText")
            raise AssertionError(f"not within {BOUND:g} s: {condition}\nthe page says:\n{seen}") from None

    async def sees(self, text: str, within: str = "body") -> None:
        """Wait until an element has a text."""
        shows = f"(one) => one.innerText.includes({json.dumps(text)})"
        await self.until(f"[...document.querySelectorAll({json.dumps(within)})].some({shows})")

    async def click(self, selector: str, text: str = "", *, button: str = "left") -> None:
        """Click the first element with the text, once it exists and is still."""
        place = await self.middle(selector, text)
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, button=button, clickCount=1, **place)

    async def hover(self, selector: str, text: str = "") -> None:
        """Move the mouse over an element."""
        place = await self.middle(selector, text)
        await self.call("Input.dispatchMouseEvent", type="mouseMoved", **place)

    async def middle(self, selector: str, text: str = "") -> dict[str, float]:
        """Return the middle of an element, once it exists and is still."""
        fits = f"(one) => one.textContent.includes({json.dumps(text)}) && one.getClientRects().length && !one.disabled"
        await self.until(f"[...document.querySelectorAll({json.dumps(selector)})].some({fits})")
        found = await self.evaluate(STILL % (json.dumps(selector), fits))
        return {"x": float(found["x"]), "y": float(found["y"])}

    async def write(self, text: str) -> None:
        """Type into the focused element."""
        await self.call("Input.insertText", text=text)

    async def press(self, key: str, *, shift: bool = False) -> None:
        """Press a key of `KEYS`, or a character."""
        code, text = KEYS.get(key, (ord(key[0].upper()), key))
        common: dict[str, Any] = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        common["modifiers"] = 8 if shift else 0
        kind = "keyDown" if text else "rawKeyDown"
        await self.call("Input.dispatchKeyEvent", type=kind, text=text, **common)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    async def attach(self, selector: str, *files: Path) -> None:
        """Choose files in a file input."""
        root = (await self.call("DOM.getDocument"))["root"]["nodeId"]
        field = (await self.call("DOM.querySelector", nodeId=root, selector=selector))["nodeId"]
        await self.call("DOM.setFileInputFiles", nodeId=field, files=[str(path) for path in files])

    async def resize(self, width: int, height: int, *, scale: float = 1) -> None:
        """Set the screen's size in CSS pixels."""
        size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600}
        await self.call("Emulation.setDeviceMetricsOverride", **size)

    async def prefer(self, scheme: str) -> None:
        """Prefer the colour scheme "light" or "dark", and reduced motion."""
        wishes = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
        features = [{"name": name, "value": value} for name, value in wishes.items()]
        await self.call("Emulation.setEmulatedMedia", features=features)

    async def picture(self) -> bytes:
        """Return a screenshot as PNG with filter 2 (each row relative to the one above)."""
        taken = await self.call("Page.captureScreenshot", format="png", optimizeForSpeed=True)
        return base64.b64decode(taken["data"])

    async def close(self) -> None:
        """Close the tab."""
        await self.call("Page.close")


class Browser:
    """A connection to a running browser. The tabs of `open` share only the process."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._pages: dict[str, Page] = {}

    async def read(self) -> None:
        """Handle the browser's messages until it closes the connection."""
        async for message in self._socket:
            said = json.loads(message.data)
            if "id" not in said:
                if page := self._pages.get(said.get("sessionId", "")):
                    page.hear(said["method"], said["params"])
            elif (waiting := self._waiting.pop(said["id"], None)) and not waiting.done():
                if "error" in said:
                    waiting.set_exception(ConnectionResetError(said["error"]["message"]))
                else:
                    waiting.set_result(said["result"])
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ConnectionAbortedError("the browser is gone"))

    async def call(self, method: str, session: str | None = None, /, **arguments: Any) -> Any:
        """Call a DevTools method. Raises ConnectionResetError with the browser's message if it refuses."""
        number = next(self._numbers)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        call = {"id": number, "method": method, "params": arguments}
        if session is not None:
            call["sessionId"] = session
        await self._socket.send_str(json.dumps(call))
        async with asyncio.timeout(2 * BOUND):
            return await answer

    async def open(self, address: str, *, width: int = 1280, height: int = 800, scheme: str = "light") -> Page:
        """Open a new tab at an address, without cookies or a history."""
        context = (await self.call("Target.createBrowserContext", disposeOnDetach=True))["browserContextId"]
        target = await self.call("Target.createTarget", url="about:blank", browserContextId=context)
        attached = await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        page = Page(self, attached["sessionId"])
        self._pages[attached["sessionId"]] = page
        for domain in ("Page", "Runtime", "Log", "DOM"):
            await page.call(f"{domain}.enable")
        await page.resize(width, height)
        await page.prefer(scheme)
        await page.go(address)
        return page

    def problems(self) -> list[str]:
        """Return the problems of all tabs."""
        return [problem for page in self._pages.values() for problem in page.problems]


@contextmanager
def chromium(folder: Path) -> Iterator[str]:
    """Run a Chromium with a new profile below `folder`, and yield its DevTools address. `find` must have found one.

    One process serves many tests, which get their own tabs by `browser`.
    """
    program = find()
    assert program is not None
    home = folder / "chromium"
    home.mkdir()
    with subprocess.Popen(
        [program, *FLAGS, f"--user-data-dir={home}", "about:blank"],
        env={**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            yield _address(process)
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(BOUND)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _address(process: subprocess.Popen[bytes]) -> str:
    """Read the browser's address from stderr, and discard its other output."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line.decode(errors="replace"))
        if said[-1].startswith("DevTools listening on "):
            threading.Thread(target=process.stderr.readlines, name="browser stderr", daemon=True).start()
            return said[-1].split()[-1]
    raise AssertionError("the browser did not start:\n" + "".join(said))


@asynccontextmanager
async def browser(address: str) -> AsyncIterator[Browser]:
    """Connect to the Chromium at an address. Its tabs close with the connection."""
    async with aiohttp.ClientSession() as session, session.ws_connect(address, max_msg_size=MESSAGE_BYTES) as socket:
        chrome = Browser(socket)
        reading = asyncio.create_task(chrome.read(), name="browser reader")
        try:
            yield chrome
        finally:
            await socket.close()
            await reading
