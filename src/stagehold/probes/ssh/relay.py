"""Passes bytes between stdin/stdout and a TCP address; started in the network namespace it is to connect from.

`python -I relay.py ADDRESS PORT`; knows nothing but the standard library.
"""

from __future__ import annotations

import os
import select
import socket
import sys

_CHUNK = 65_536
_PATIENCE = 10.0
_IDLE = 60.0


def main() -> int:
    """Connect, and pass on until either side ends or nothing has come for a minute."""
    try:
        there = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=_PATIENCE)
    except OSError as error:
        sys.stderr.write(f"no connection to {sys.argv[1]} port {sys.argv[2]}: {error.strerror or error}\n")
        return 1
    ours, theirs = sys.stdin.fileno(), there.fileno()
    with there:
        while ready := select.select([ours, theirs], [], [], _IDLE)[0]:
            for source in ready:
                data = os.read(source, _CHUNK)
                if not data:
                    return 0
                if source == ours:
                    there.sendall(data)
                else:
                    sys.stdout.buffer.write(data)
                    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
