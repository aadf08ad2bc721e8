"""A link to a server that can be cut without either end being told."""

from __future__ import annotations

import asyncio
import ctypes
import socket
import struct
import threading
from asyncio import StreamReader, StreamWriter
from asyncio.trsock import TransportSocket
from contextlib import suppress
from typing import Self

SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27
DROP_EVERYTHING = struct.pack("HBBI", 0x06, 0, 0, 0)


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
        self._sockets: list[TransportSocket] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        serving = asyncio.start_server(self._link, sock=self._listener)
        self._server = asyncio.run_coroutine_threadsafe(serving, self._loop).result(10)
        return self

    def __exit__(self, *_exception: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def cut(self) -> None:
        """Lose every packet from now on, in both directions."""
        _drop_packets(self._listener)
        for end in self._sockets:
            _drop_packets(end)

    def mend(self) -> None:
        """Take new connections again."""
        self._listener.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)

    async def _link(self, from_client: StreamReader, to_client: StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection(
            "127.0.0.1", self._target
        )
        writers = (to_client, to_server)
        self._sockets += [writer.get_extra_info("socket") for writer in writers]
        with suppress(ConnectionError, asyncio.CancelledError):
            await asyncio.gather(
                _hand_on(from_client, to_server), _hand_on(from_server, to_client)
            )
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


def _drop_packets(end: socket.socket | TransportSocket) -> None:
    """Have the kernel drop what comes in for a socket, before it is acknowledged."""
    program = ctypes.create_string_buffer(DROP_EVERYTHING, len(DROP_EVERYTHING))
    described = struct.pack("HP", 1, ctypes.addressof(program))
    end.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, described)
