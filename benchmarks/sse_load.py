"""
Sends one request over and over, as fast as it is answered, in a process of its own and without Django.

    python -m benchmarks.sse_load PORT CONNECTIONS SECONDS < request
"""

import asyncio
import sys
import time


class _Caller(asyncio.Protocol):
    answered = 0

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, chunk: bytes) -> None:
        self._received += chunk
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if len(body) >= int(lengths[0].partition(b":")[2]):
            _Caller.answered += 1
            self._received = b""
            self._transport.write(self._request)


async def run(port: int, request: bytes, connections: int, seconds: float) -> None:
    """Print the answers per second."""
    loop = asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(lambda: _Caller(request), "127.0.0.1", port)
    await asyncio.sleep(seconds / 4)
    before, started = _Caller.answered, time.perf_counter()
    await asyncio.sleep(seconds)
    print((_Caller.answered - before) / (time.perf_counter() - started))


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]), sys.stdin.buffer.read(), int(sys.argv[2]), float(sys.argv[3])))
