"""A link to a server that can be cut without either end being told."""

from __future__ import annotations

import asyncio
import socket
import threading
from asyncio import StreamReader, StreamWriter
from asyncio.trsock import TransportSocket
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Self, TypeVar

Result = TypeVar("Result")

#: Linux's number for the hops that a packet must have left, else it is dropped. This
#: machine's own packets have 64, of 255 at most.
IP_MINTTL = 21
MORE_THAN_ANY_HAS = 255


class Proxy:
    """Hands bytes on between clients and a local port, until the link is cut.

    Cut, its sockets take in no packet at all: nothing is acknowledged, nothing
    refused, no new connection answered, as where a cable is pulled. (A proxy that
    only stopped to read would go on acknowledging.) What was connected when it
    was cut stays cut; mending it serves new connections.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connected: set[TransportSocket] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        serving = asyncio.start_server(self._link, sock=self._listener)
        self._server = self._run(serving)
        return self

    def __exit__(self, *_exception: object) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def cut(self) -> None:
        """Lose every packet from now on, in both directions."""
        self._run(self._cut())

    def mend(self) -> None:
        """Take new connections again."""
        self._listener.setsockopt(socket.IPPROTO_IP, IP_MINTTL, 0)

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _cut(self) -> None:
        ends: list[socket.socket | TransportSocket] = [
            self._listener,
            *self._connected,
        ]
        for end in ends:
            is_open = end.fileno() >= 0
            if is_open:
                end.setsockopt(socket.IPPROTO_IP, IP_MINTTL, MORE_THAN_ANY_HAS)

    async def _link(self, from_client: StreamReader, to_client: StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection(
            "127.0.0.1", self._target
        )
        writers = (to_client, to_server)
        ends = {writer.get_extra_info("socket") for writer in writers}
        self._connected |= ends
        with suppress(ConnectionError, asyncio.CancelledError):
            await asyncio.gather(
                _hand_on(from_client, to_server), _hand_on(from_server, to_client)
            )
        self._connected -= ends
        for writer in writers:
            writer.transport.abort()

    async def _end(self) -> None:
        self._server.close()
        links = asyncio.all_tasks() - {asyncio.current_task()}
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)


async def _hand_on(reader: StreamReader, writer: StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()
