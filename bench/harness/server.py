"""A scripted API server that sends prepared bytes: what all benchmarks run against.

A process of its own, with a thread for each connection, that sends bytes which were made before: 256 KiB in one call,
and in them each event as one chunk of HTTP's chunked coding, as a kube-apiserver flushes them. What it sends is in the
namespace that a client asks for, so that one server serves every benchmark and every client alike:

* `<mix>-<size>-<count>`: an empty list, then a watch of the events of `workload`, which then stays open;
* `list-<size>-<count>`: a list in pages as asked for, and a watch that stays open and silent;
* `paced-...`: as the first, but a watch sends events when `/control/<namespace>?rate=..&count=..` says so;
* `held-<size>-<count>`: a list of jobs that have ended, and a watch that sends the lives of other ones as `paced` does;
* `fault-<name>`: an empty list, and a watch that fails as FAULTS says, each time, of whatever kind.

These are Workflows; a namespace has no objects of other kinds.

Under `/control/` it prepares a namespace (which answers when all bytes are there), paces a stream, and counts.
Run as a module it prints its port and ends with its standard input.
"""

import json
import socket
import ssl
import sys
import threading
import time
from collections import defaultdict
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from harness import workload

BLOCK: Final = 256 * 1024
ROOT: Final = f"/apis/{workload.API}"
PLURAL: Final = "workflows"
NOTHING: Final = "list-small-0"
"""Where other kinds are: an empty list, and a watch that stays open and silent."""
START: Final = 1000
"""resourceVersion of the lists, just before the first event's."""
_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_CHUNKED: Final = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
_WORKFLOWS: Final = {
    "name": "workflows",
    "singularName": "workflow",
    "namespaced": True,
    "kind": "Workflow",
    "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
    "shortNames": ["wf"],
}
_NAMESPACES: Final = {
    "name": "namespaces",
    "singularName": "namespace",
    "namespaced": False,
    "kind": "Namespace",
    "verbs": ["get"],
}
_DEFINITIONS: Final = {
    "name": "customresourcedefinitions",
    "singularName": "customresourcedefinition",
    "namespaced": False,
    "kind": "CustomResourceDefinition",
    "verbs": ["get"],
}
_GROUP: Final = {
    "name": "argoproj.io",
    "versions": [{"groupVersion": workload.API, "version": "v1alpha1"}],
    "preferredVersion": {"groupVersion": workload.API, "version": "v1alpha1"},
}
_EXTENSIONS: Final = {
    "name": "apiextensions.k8s.io",
    "versions": [{"groupVersion": "apiextensions.k8s.io/v1", "version": "v1"}],
    "preferredVersion": {"groupVersion": "apiextensions.k8s.io/v1", "version": "v1"},
}
DISCOVERY: Final[dict[str, dict[str, Any]]] = {
    "/version": {"major": "1", "minor": "34", "gitVersion": "v1.34.0"},
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [_NAMESPACES]},
    "/apis": {"kind": "APIGroupList", "groups": [_GROUP, _EXTENSIONS]},
    "/apis/apiextensions.k8s.io/v1": {
        "kind": "APIResourceList",
        "groupVersion": "apiextensions.k8s.io/v1",
        "resources": [_DEFINITIONS],
    },
    ROOT: {"kind": "APIResourceList", "groupVersion": workload.API, "resources": [_WORKFLOWS]},
}
"""What kr8s and kopf ask for before they watch."""


def chunk(data: bytes) -> bytes:
    """Return bytes as one chunk of HTTP's chunked coding."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def status(code: int, reason: str, **more: Any) -> bytes:
    """Return a Status as JSON."""
    head = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "scripted"}
    return json.dumps(head | {"reason": reason, "code": code} | more).encode()


def error_event(code: int, reason: str) -> bytes:
    """Return an ERROR event."""
    return b'{"type":"ERROR","object":' + status(code, reason) + b"}\n"


def refusal(code: int, reason: str, *headers: bytes) -> bytes:
    """Return an answer that is an error."""
    body = status(code, reason)
    lines = [b"HTTP/1.1 %d %b" % (code, reason.encode()), b"Content-Type: application/json", *headers]
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(body), b"", body])


FAULTS: Final[dict[str, bytes]] = {
    "gone-event": _CHUNKED + chunk(error_event(410, "Expired")) + chunk(b""),
    "gone-http": refusal(410, "Expired"),
    "instant-close": _CHUNKED + chunk(b""),
    "error-500-event": _CHUNKED + chunk(error_event(500, "InternalError")) + chunk(b""),
    "error-429-event": _CHUNKED + chunk(error_event(429, "TooManyRequests")) + chunk(b""),
    "http-500": refusal(500, "InternalError"),
    "http-429": refusal(429, "TooManyRequests", b"Retry-After: 1"),
    "http-403": refusal(403, "Forbidden"),
    "http-401": refusal(401, "Unauthorized"),
    "cut-in-a-line": _CHUNKED + b'40\r\n{"type":"MODIFIED","object":{"metadata":{"na',
    "reset": b"",
    "silence": _CHUNKED,
}
"""What a watch answers under each fault. `reset` and `cut-in-a-line` end with a TCP reset, `silence` never ends."""
_ENDLESS: Final = 10**9
_RESET: Final = frozenset({"reset", "cut-in-a-line"})


class Paced:
    """A stream whose events are sent one by one, at the time that they are due."""

    def __init__(self, namespace: str) -> None:
        kind, *rest = namespace.split("-")
        if kind == "held":
            size, first = rest[0], int(rest[1])
            self._lines = workload.events("life", size, _ENDLESS, first=first)
        else:
            first, self._lines = 0, iter(_lines(namespace))
        self._version = first + START
        self.connection: socket.socket | None = None

    def run(self, *, rate: float, count: int) -> dict[str, int]:
        """Send events and return when each was sent, by resourceVersion, nanoseconds of the machine's clock.

        Args:
            rate: Events a second; 0 for as many as can be sent.
            count: How many.
        """
        sent: dict[str, int] = {}
        connection = self.connection
        if connection is None:
            return sent
        began = time.monotonic()
        for number in range(count):
            wait = began + number / rate - time.monotonic() if rate else 0.0
            if wait > 0:
                time.sleep(wait)
            self._version += 1
            sent[str(self._version)] = time.monotonic_ns()
            connection.sendall(chunk(next(self._lines)))
        return sent


class Server:
    """Answers until it is closed.

    Args:
        tls: For HTTPS.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        self.asked: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
        self.paced: dict[str, Paced] = {}
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            connection = self._tls.wrap_socket(plain, server_side=True) if self._tls else plain
            with connection, connection.makefile("rb") as reader:
                while line := reader.readline():
                    while reader.readline() not in {b"\r\n", b""}:
                        pass
                    if not self._answer(connection, line.split()[1].decode()):
                        return
        except OSError:
            return  # the client has gone

    def _answer(self, connection: socket.socket, target: str) -> bool:
        """Answer a request and return whether the connection can go on."""
        url = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path.startswith("/control/"):
            found = self._control(url.path.removeprefix("/control/"), query)
            return _send(connection, json.dumps(found).encode())
        if found := DISCOVERY.get(url.path.rstrip("/")):
            return _send(connection, json.dumps(found).encode())
        if not url.path.startswith(f"{ROOT}/namespaces/"):
            connection.sendall(refusal(404, "NotFound"))
            return True
        namespace, plural = url.path.split("/")[5:7]
        watching = query.get("watch", "") in {"true", "True", "1"}
        kind = "watch" if watching else "list"
        self.asked[namespace].append((time.monotonic(), kind if plural == PLURAL else f"{kind} of {plural}"))
        if plural != PLURAL and not namespace.startswith("fault-"):
            namespace = NOTHING
        if watching:
            self._watch(connection, namespace)
            return False
        return _send(connection, _page(namespace, query))

    def _control(self, namespace: str, query: dict[str, str]) -> object:
        if "counts" in query:
            return self.asked[namespace]
        if "rate" in query:
            return self.paced[namespace].run(rate=float(query["rate"]), count=int(query["count"]))
        if namespace.startswith(("paced-", "held-")):
            self.paced[namespace] = Paced(namespace)
            self.asked.pop(namespace, None)
        elif namespace.startswith("list-"):
            _objects(namespace)
        else:
            return len(_stream(namespace))
        return None

    def _watch(self, connection: socket.socket, namespace: str) -> None:
        if namespace.startswith("fault-"):
            name = namespace.removeprefix("fault-")
            connection.sendall(FAULTS[name])
            if name == "silence":
                _wait_for_end(connection)
            elif name in _RESET:
                time.sleep(0.005)  # so that what was sent is read before the reset
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            return
        connection.sendall(_CHUNKED)
        if paced := self.paced.get(namespace):
            paced.connection = connection
        elif not namespace.startswith("list-"):
            for block in _stream(namespace):
                connection.sendall(block)
        _wait_for_end(connection)


def _send(connection: socket.socket, body: bytes) -> bool:
    connection.sendall(_HEAD + b"Content-Length: %d\r\n\r\n" % len(body))
    connection.sendall(body)
    return True


def _wait_for_end(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass


def _lines(namespace: str) -> list[bytes]:
    mix, size, count = namespace.removeprefix("paced-").split("-")
    return list(workload.events(mix, size, int(count)))


@cache
def _stream(namespace: str) -> list[bytes]:
    """Return a watch's body, in blocks."""
    whole = b"".join(map(chunk, _lines(namespace)))
    return [whole[start : start + BLOCK] for start in range(0, len(whole), BLOCK)]


@cache
def _objects(namespace: str) -> list[bytes]:
    _, size, count = namespace.split("-")
    return workload.items(size, int(count))


@cache
def _prepared(namespace: str, start: int, limit: int) -> bytes:
    found = _objects(namespace)
    end = start + limit if limit else len(found)
    return workload.page(found[start:end], version=len(found) + START, following=str(end) if end < len(found) else "")


def _page(namespace: str, query: dict[str, str]) -> bytes:
    if not namespace.startswith(("list-", "held-")):
        return workload.page([], version=START, following="")
    return _prepared(namespace, int(query.get("continue") or 0), int(query.get("limit") or 0))


def main() -> None:
    """Serve until standard input ends."""
    tls = None
    if len(sys.argv) > 1:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*sys.argv[1:])
    print(Server(tls).port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
