"""A relay without a database, framework or checks: what the load generator can do at most.

Every frame goes to both sockets of its chat, as the obvious chat does it.
"""

import asyncio
import sys
from base64 import b64encode
from collections import defaultdict
from hashlib import sha1

import uvloop

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
rooms = defaultdict(set)


class Relay(asyncio.Protocol):
    room = None

    def connection_made(self, transport):
        self.transport = transport
        self.buffer = b""

    def connection_lost(self, error):
        rooms[self.room].discard(self)

    def data_received(self, data):
        data = self.buffer + data if self.buffer else data
        if self.room is None:
            if b"\r\n\r\n" not in data:
                self.buffer = data
                return
            self.shake_hands(data)
            self.buffer = b""
            return
        while len(data) >= 6:
            length, start = data[1] & 127, 2
            if length == 126:
                length, start = int.from_bytes(data[2:4]), 4
            end = start + 4 + length
            if len(data) < end:
                break
            mask = data[start : start + 4] * (length // 4 + 1)
            payload = int.from_bytes(data[start + 4 : end]) ^ int.from_bytes(mask[:length])
            data = data[end:]
            header = bytes([0x81, length]) if length < 126 else b"\x81\x7e" + length.to_bytes(2)
            frame = header + payload.to_bytes(length)
            for socket in rooms[self.room]:
                socket.transport.write(frame)
        self.buffer = data

    def shake_hands(self, data):
        lines = data.split(b"\r\n")
        self.room = lines[0].split(b"/")[2]
        rooms[self.room].add(self)
        key = next(line[19:] for line in lines if line.startswith(b"Sec-WebSocket-Key: "))
        accept = b64encode(sha1(key + MAGIC).digest())
        self.transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )


async def main(port):
    server = await asyncio.get_running_loop().create_server(Relay, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


uvloop.run(main(int(sys.argv[1])))
