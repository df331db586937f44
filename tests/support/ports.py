"""Ports for programs that are told theirs: each worker process of the tests has a range of its own.

The ranges end below 32768, where Linux's own begins (ip_local_port_range): between the choice of a port and the program
that listens on it no client, kernel or other test gets it.
"""

import itertools
import os
import socket

_FIRST, _SIZE, _RANGES = 10_000, 3_500, 6
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw-1").removeprefix("gw")) + 1
_PORTS = itertools.cycle(range(_FIRST + _WORKER % _RANGES * _SIZE, _FIRST + (_WORKER % _RANGES + 1) * _SIZE))


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on, and that this process has not returned before."""
    for port in itertools.islice(_PORTS, _SIZE):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("No port is free")
