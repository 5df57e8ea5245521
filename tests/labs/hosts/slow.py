"""A ProxyCommand that makes a line slow: `slow.py HOST PORT DELAY LOSS`.

It delays every piece in both directions by DELAY seconds, and stalls with the probability LOSS for as long
as TCP's first retransmission would. It proves nothing about reordering or what congestion control makes of
a loss; where the kernel has netem, that is the better test.
"""

import os
import random
import socket
import sys
import threading
import time
from collections.abc import Callable
from queue import Queue

STALL = 0.3


def carry(read: Callable[[], bytes], write: Callable[[bytes], object], delay: float, loss: float) -> None:
    """Copy until the end, each piece after its delay."""
    pieces: Queue[tuple[float, bytes]] = Queue()

    def deliver() -> None:
        while True:
            due, piece = pieces.get()
            if not piece:
                return
            time.sleep(max(0.0, due - time.monotonic()) + (STALL if random.random() < loss else 0))
            write(piece)

    threading.Thread(target=deliver, daemon=True).start()
    while piece := read():
        pieces.put((time.monotonic() + delay, piece))
    pieces.put((0, b""))


def main() -> None:
    host, port, delay, loss = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
    sock = socket.create_connection((host, port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def write(piece: bytes) -> None:
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()

    threading.Thread(target=carry, args=(lambda: sock.recv(65536), write, delay, loss), daemon=True).start()
    carry(lambda: os.read(0, 65536), sock.sendall, delay, loss)


if __name__ == "__main__":
    main()
