"""The loops of other libraries that read the same watch; run by the peers' own Python, with no package of ours.

Each reads events and does nothing with them. Importing and setting up is not part of the time. A library is one
function that calls `take` with each event and returns when `take` says that it is enough, or when the library's own
watch ends. Prints one JSON object.
"""

# pyright: reportMissingImports=false
import asyncio
import http.client
import json
import os
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from itertools import islice
from typing import Any

GROUP, VERSION, PLURAL = "argoproj.io", "v1alpha1", "workflows"
LIST_VERSION = "1000"
BATCH = 500
"""Events of one commit of `floor-commit`; all counts are multiples of it."""


class Enough(Exception):  # noqa: N818 - not an error
    """The loop has read what it should, or for as long as it should."""


class Take:
    """Counts events.

    Args:
        count: After how many the loop ends.
        seconds: After how long.
    """

    def __init__(self, *, count: int, seconds: float) -> None:
        self.events = 0
        self._count = count
        self._seconds = seconds
        self._began = self._ended = time.perf_counter()
        self._cpu_began = self._cpu_ended = time.process_time()
        self._watchdog = threading.Timer(seconds + 1, _end, (self, "still running"))
        self._watchdog.daemon = True

    def start(self) -> None:
        """Note that the loop begins."""
        self._watchdog.start()
        self._began = time.perf_counter()
        self._cpu_began = time.process_time()

    def __call__(self, number: int = 1) -> bool:
        """Count events and return whether that is enough."""
        self.events += number
        if self.events < self._count and (self.events & 31 or time.perf_counter() - self._began < self._seconds):
            return False
        self._ended, self._cpu_ended = time.perf_counter(), time.process_time()
        return True

    def result(self) -> dict[str, float]:
        """Return the figures."""
        if self._ended < self._began:  # stopped by the watchdog
            self._ended, self._cpu_ended = time.perf_counter(), time.process_time()
        wall, cpu = self._ended - self._began, self._cpu_ended - self._cpu_began
        return {"events": self.events, "seconds": wall, "cpu_seconds": cpu, "peak_mib": _peak()}


def drain(port: int, namespace: str, take: Take) -> None:
    """Read the bytes from the bare socket: what the server and the loopback can do."""
    request = f"GET {_path(namespace)} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request.encode())
        take.start()
        ends = 0
        while not take(ends // 3 - take.events):
            ends += connection.recv(1 << 18).count(b"\n")  # of the chunk's size, of the line, of the chunk


def floor(port: int, namespace: str, take: Take) -> None:
    """http.client and json.loads."""
    response = _open(port, namespace)
    take.start()
    for line in response:
        json.loads(line)
        if take():
            return


def floor_commit(port: int, namespace: str, take: Take) -> None:
    """The same, with a commit for each BATCH events: a bare upsert of what a row shows."""
    rows = sqlite3.connect("floor.sqlite", isolation_level=None)
    rows.execute("CREATE TABLE jobs (job_id TEXT PRIMARY KEY, status TEXT, start TEXT, end TEXT, job TEXT)")
    response = _open(port, namespace)
    take.start()
    while lines := list(islice(response, BATCH)):
        rows.execute("BEGIN IMMEDIATE")
        made = [_row(json.loads(line)) for line in lines]
        rows.executemany("INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?)", made)
        rows.execute("COMMIT")
        if take(len(lines)):
            return


def kubernetes_watch(port: int, namespace: str, take: Take) -> None:
    """The official client's Watch."""
    from kubernetes import client, watch  # noqa: PLC0415 - one library for each process

    api = client.CustomObjectsApi(client.ApiClient(client.Configuration(host=f"http://127.0.0.1:{port}")))
    take.start()
    stream: Any = watch.Watch().stream  # type: ignore[no-untyped-call]
    for _ in stream(
        api.list_namespaced_custom_object, GROUP, VERSION, namespace, PLURAL, resource_version=LIST_VERSION
    ):
        if take():
            return


async def kubernetes_asyncio_watch(port: int, namespace: str, take: Take) -> None:
    """Its port to asyncio."""
    from kubernetes_asyncio import client, watch  # noqa: PLC0415 - one library for each process

    async with client.ApiClient(client.Configuration(host=f"http://127.0.0.1:{port}")) as connection:
        api = client.CustomObjectsApi(connection)
        take.start()
        async for _ in watch.Watch().stream(
            api.list_namespaced_custom_object, GROUP, VERSION, namespace, PLURAL, resource_version=LIST_VERSION
        ):
            if take():
                raise Enough


def lightkube_watch(port: int, namespace: str, take: Take) -> None:
    """The watch of lightkube of a generic resource."""
    import lightkube  # noqa: PLC0415 - one library for each process
    from lightkube import KubeConfig  # noqa: PLC0415
    from lightkube.generic_resource import create_namespaced_resource  # noqa: PLC0415

    kind = create_namespaced_resource(GROUP, VERSION, "Workflow", PLURAL)
    client = lightkube.Client(config=KubeConfig.from_dict(_kubeconfig(port)), trust_env=False)
    take.start()
    for _ in client.watch(kind, namespace=namespace, resource_version=LIST_VERSION):
        if take():
            return


async def kr8s_watch(port: int, namespace: str, take: Take) -> None:
    """The watch of kr8s of a new class."""
    import kr8s.asyncio  # noqa: PLC0415 - one library for each process
    from kr8s.asyncio.objects import new_class  # noqa: PLC0415

    kind = new_class("Workflow", f"{GROUP}/{VERSION}", namespaced=True, plural=PLURAL, asyncio=True)
    api = await kr8s.asyncio.api(url=f"http://127.0.0.1:{port}")
    take.start()
    async for _ in api.async_watch(kind, namespace=namespace, since=LIST_VERSION):
        if take():
            raise Enough


async def kopf_watch(port: int, namespace: str, take: Take) -> None:
    """An event handler of kopf's, as an operator of its own."""
    import kopf  # noqa: PLC0415 - one library for each process

    registry = kopf.OperatorRegistry()
    enough = asyncio.Event()

    @kopf.on.login(registry=registry)  # type: ignore[untyped-decorator]
    def login(**_: Any) -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(server=f"http://127.0.0.1:{port}")

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)  # type: ignore[untyped-decorator]
    async def event(**_: Any) -> None:
        if take():
            enough.set()

    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.queueing.batch_window = 0
    take.start()
    await kopf.operator(registry=registry, settings=settings, standalone=True, namespaces=[namespace], stop_flag=enough)


LOOPS: dict[str, Callable[..., Any]] = {
    "drain": drain,
    "floor": floor,
    "floor-commit": floor_commit,
    "kubernetes": kubernetes_watch,
    "kubernetes_asyncio": kubernetes_asyncio_watch,
    "lightkube": lightkube_watch,
    "kr8s": kr8s_watch,
    "kopf": kopf_watch,
}


def _peak() -> float:
    """Return the largest resident size so far, MiB; that of getrusage begins with the parent's."""
    with open("/proc/self/status") as told:  # noqa: PTH123
        return next(round(int(line.split()[1]) / 1024, 1) for line in told if line.startswith("VmHWM"))


def _open(port: int, namespace: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", _path(namespace))
    return connection.getresponse()


def _kubeconfig(port: int) -> dict[str, Any]:
    context = {"cluster": "bench", "user": "bench", "namespace": "default"}
    return {
        "current-context": "bench",
        "contexts": [{"name": "bench", "context": context}],
        "clusters": [{"name": "bench", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "bench", "user": {}}],
    }


def _path(namespace: str) -> str:
    return f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{PLURAL}?watch=true&resourceVersion={LIST_VERSION}"


def _row(event: dict[str, Any]) -> tuple[Any, ...]:
    item = event["object"]
    told = item["status"]
    labels, notes = item["metadata"]["labels"], item["metadata"]["annotations"]
    ended = told.get("finishedAt")
    return labels["nbargo/job-id"], told.get("phase"), told.get("startedAt"), ended, notes["nbargo/job"]


def main() -> None:
    """Run one loop: `clients.py LOOP PORT NAMESPACE COUNT SECONDS`."""
    name, port, namespace, count, seconds = sys.argv[1:]
    take = Take(count=int(count), seconds=float(seconds))
    loop = LOOPS[name]
    ended = "returned"
    try:
        if asyncio.iscoroutinefunction(loop):
            asyncio.run(loop(int(port), namespace, take))
        else:
            loop(int(port), namespace, take)
    except Enough:
        pass
    except BaseException as error:  # noqa: BLE001 - how a library ends is a result
        ended = f"raised {type(error).__name__}"
    _end(take, ended)


def _end(take: Take, ended: str) -> None:
    print(json.dumps(take.result() | {"ended": ended}), flush=True)
    os._exit(0)  # the libraries' threads and open streams are not waited for


if __name__ == "__main__":
    main()
