"""An HTTP proxy that tunnels (RFC 9110, CONNECT) to hosts that exist only for it.

It ends their TLS by a certificate of its own and passes the requests on to a server on this machine.
"""

import asyncio
import base64
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

HOSTS = ("discord.test", "cdn.discord.test")
OPENSSL = shutil.which("openssl")

PIECE = 65536


def certificate(folder: Path) -> tuple[Path, Path]:
    """Create a certificate for `HOSTS`, signed by itself; return it and its key."""
    certificate_file, key = folder / "proxy.pem", folder / "proxy.key"
    names = ",".join(f"DNS:{host}" for host in HOSTS)
    subprocess.run(
        [
            *(OPENSSL or "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-days", "1", "-subj", "/CN=a proxy of the tests", "-addext", f"subjectAltName={names}"),
            *("-keyout", str(key), "-out", str(certificate_file)),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return certificate_file, key


class ConnectProxy:
    """Tunnels for those who know the user and the password. `tunnels` are the hosts that were asked for."""

    def __init__(self, backend: str, certificate_file: Path, key: Path, *, user: str, password: str) -> None:
        """`backend` is the address of the server that all hosts lead to."""
        self._host, _, port = backend.removeprefix("http://").partition(":")
        self._port = int(port)
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(certificate_file, key)
        self._authorization = f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
        self.tunnels: list[str] = []
        self.refused = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """Listen on a port of this machine; yield it."""
        server = await asyncio.start_server(self._serve, "127.0.0.1")
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            method, target, _ = head.split(" ", 2)
            host, _, port = target.partition(":")
            if f"Proxy-Authorization: {self._authorization}\r\n" not in head:
                self.refused += 1
                writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            elif (method, port) != ("CONNECT", "443") or host not in HOSTS:
                writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            else:
                self.tunnels.append(host)
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await writer.start_tls(self._context)
                await self._tunnel(reader, writer, host)
            await writer.drain()
        writer.close()

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        """Pass on in both directions until either end closes. The server expects its own name as the host."""
        behind, before = await asyncio.open_connection(self._host, self._port)
        names = (f"Host: {host}\r\n".encode(), f"Host: {self._host}:{self._port}\r\n".encode())
        up = asyncio.create_task(_pass_on(reader, before, names))
        down = asyncio.create_task(_pass_on(behind, writer))
        await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
        for task in (up, down):
            task.cancel()
        before.close()


async def _pass_on(
    source: asyncio.StreamReader, target: asyncio.StreamWriter, names: tuple[bytes, bytes] = (b"", b"")
) -> None:
    with suppress(OSError):
        while data := await source.read(PIECE):
            target.write(data.replace(*names) if names[0] else data)
            await target.drain()
