"""A fleet of watchers against one real kube-apiserver: what each of them costs it.

USERS watchers, each with its own user label, TLS connection and budget, follow a real kube-apiserver and etcd (built as
for `make test-cluster`, without a controller), which hold RUNS ended Workflows of each user, of the size that the
submitter and Argo really make them (23 KB). Workflows are then changed at RATE a second, spread over all users. All
this in one shared namespace, and in a namespace for each user; with full objects, and with metadata alone
(PartialObjectMetadata).

Two hundred processes of 46 MiB would take two cores a minute only to start, and a start of all together could not be
seen. So the watchers are their reading halves (harness/readers.py), all in one process: session, source, budget,
reflector and decisions are the program's own, the database is left out. `same_requests` compares, by the server's own
audit log, what one of them and one real watcher process ask for, from their start over a restart of the server.

Processor time is that of kube-apiserver's process (/proc), less what the same changes cost without any watcher;
requests and bytes are counted by kube-apiserver (/metrics). `renewals` runs with watches and times between lists a
tenth of the watcher's own: what it costs in a minute is spread over ten. `dense` has more watchers, none of which has
a Workflow, to see what one more watcher in the same namespace costs for each event that is not its own. `lists` are
single lists of one user; `lists from etcd` those that the server does not answer from its cache, as servers before
1.31 do with every list that names no version.

Run: .venv/bin/python bench/fleet.py [--quick] (a quarter of an hour; quick: two minutes with fewer users, whose figures
mean little). The last line is one JSON object.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import httpx
from harness import objects, stage
from harness.fleetplace import PATIENCE, RATE, SHARED, Churn, Place, Readers, Size, reading, say, serving
from harness.readers import METADATA_ONLY, user
from harness.realserver import ARGO

from nbargo_watcher.settings import POD_JITTER

HURRY = 10.0
LAYOUTS = {"shared": True, "own": False}
NO_SNAPSHOTS = "--feature-gates=ListFromCacheSnapshot=false"
QUICK = Size(users=20, runs=5, dense=60, window=6.0, lists=8)


def window(place: Place, *, shared: bool, readers: Readers | None = None, churn: bool = True) -> dict[str, Any]:
    """Measure for as long as a window is.

    Args:
        place: Where.
        shared: The layout whose Workflows are changed.
        readers: The fleet, if there is one.
        churn: Whether anything is changed.
    """
    told = readers.tell() if readers else {}
    before, began = place.use(), time.monotonic()
    changes = Churn(place.server.kubeconfig, place.paths(shared=shared))
    with changes if churn else nullcontext():
        time.sleep(place.size.window)
    used, seconds = place.use().since(before), time.monotonic() - began
    return {
        "apiserver_ms_per_second": round(used.apiserver / seconds * 1000, 2),
        "etcd_ms_per_second": round(used.etcd / seconds * 1000, 2),
        "requests_per_minute": _asked_since(told, readers, seconds=seconds),
        "turned_away": used.counts["LIST 429"] + used.counts["WATCH 429"],
        "watch_bytes_per_second": round(used.counts["watch bytes"] / seconds),
        "watch_events_per_second": round(used.counts["watch events"] / seconds, 1),
        "list_bytes_per_second": round(used.counts["list bytes"] / seconds),
        "writes_per_second": round(changes.written / seconds, 1),
        "resident_mib": used.resident,
        "heap_mib": used.heap,
    }


def _asked_since(before: dict[str, Any], readers: Readers | None, *, seconds: float) -> dict[str, float]:
    """Return what the fleet has asked for in a minute, by its own count: the server counts a watch when it ends."""
    now = readers.tell() if readers else {}
    return {name: round((now[name] - before[name]) * 60 / seconds, 1) for name in ("lists", "watches") if now}


def together(place: Place, fleet: Readers) -> dict[str, Any]:
    """Wait until every stream is followed; return what the start has cost."""
    before = place.use()
    seconds, told = fleet.until("the start", lambda told: bool(told["watches"] >= fleet.streams))
    used = place.use().since(before)
    return {
        "seconds": seconds,
        "lists": told["lists"],
        "watches": told["watches"],
        "list_bytes": used.counts["list bytes"],
        "apiserver_ms_per_watcher": round(used.apiserver * 1000 / fleet.watchers, 2),
        "objects": told["objects"] + told["quarantined"],
        "retries": told["retries"],
    }


def fleet(place: Place, *, shared: bool, metadata_only: bool = False) -> dict[str, Any]:
    """Start a fleet and measure it under changes."""
    say(
        f"fleet: {'one namespace' if shared else 'a namespace each'}, {'metadata' if metadata_only else 'full objects'}"
    )
    with reading(place.orders(shared=shared, metadata_only=metadata_only)) as readers:
        start = together(place, readers)
        time.sleep(2)
        measured = window(place, shared=shared, readers=readers)
        told = readers.tell()
    # Metadata alone is no Workflow to the watcher: it sets it aside when it has read it.
    read = told["quarantined"] - start["objects"] if metadata_only else told["events"]
    return {"start": start, **measured, "events_read": read}


def starts(place: Place) -> dict[str, Any]:
    """Start a fleet with the jitter that a watcher has in a pod."""
    say(f"a start within {POD_JITTER:g} s")
    with reading(place.orders(shared=True, jitter=POD_JITTER)) as readers:
        return together(place, readers)


def _where(*, shared: bool) -> str:
    return "one namespace" if shared else "a namespace each"


def renewals(place: Place, *, shared: bool) -> dict[str, Any]:
    """Measure a fleet without changes, whose watches and lists come round ten times as often."""
    say(f"renewals: {_where(shared=shared)}")
    with reading(place.orders(shared=shared, hurry=HURRY)) as readers:
        together(place, readers)
        time.sleep(30 if place.size.users >= 100 else 3)  # until the watches that began together have come apart
        return window(place, shared=shared, readers=readers, churn=False)


def dense(place: Place) -> dict[str, Any]:
    """Measure what a watcher costs that only has neighbours.

    All of them watch the shared namespace, and none has Workflows. There are changes in turns there, where each is held
    against every watcher's selector, and in the users' own namespaces, where none of them looks.
    """
    count = place.size.dense
    say(f"dense: {count} watchers")
    short = replace(place, size=replace(place.size, window=place.size.window / 2))
    before = place.use(collected=True)
    with reading(place.orders(shared=True, first=place.size.users, count=count, crons=False)) as readers:
        start = together(place, readers)
        time.sleep(2)
        after = place.use(collected=True)
        turns = [
            {name: window(short, shared=shared) for name, shared in LAYOUTS.items()} for _ in range(place.size.turns)
        ]
    extra = [
        (turn["shared"]["apiserver_ms_per_second"] - turn["own"]["apiserver_ms_per_second"]) * 1000 / (RATE * count)
        for turn in turns
    ]
    return {
        "start": start,
        "heap_kib_per_watch": round((after.heap - before.heap) * 1024 / count, 1),
        "microseconds_per_event_and_watcher": [round(value, 2) for value in extra],
        "apiserver_ms_per_second": [{name: turn[name]["apiserver_ms_per_second"] for name in turn} for turn in turns],
    }


def restart(place: Place) -> dict[str, Any]:
    """Kill the server under the fleet and start it again; return how the fleet comes back."""
    say("restart under the fleet")
    with reading(place.orders(shared=True)) as readers:
        together(place, readers)
        time.sleep(2)
        with Churn(place.server.kubeconfig, place.paths(shared=True)):
            time.sleep(2)
        before = readers.tell()
        place.server.apiserver.kill()
        place.server.start_apiserver()
        seconds, told = readers.until(
            "back", lambda told: told["watches"] >= before["watches"] + readers.streams and not told["degraded"]
        )
        used = place.use()
    return {
        "seconds_until_all_are_back": seconds,
        "lists": told["lists"] - before["lists"],
        "turned_away": used.counts["LIST 429"] + used.counts["WATCH 429"],
        "list_bytes": used.counts["list bytes"],
        "retries": told["retries"],
    }


def lists(place: Place, *, from_etcd: bool = False) -> dict[str, Any]:
    """Measure single lists of one user.

    Args:
        place: Where.
        from_etcd: Whether the server has no snapshots: then the list of an exact version is read from etcd.
    """
    say("lists of one user")
    kinds = {
        "shared, pages": (SHARED, "&limit=200", ""),
        "shared, one piece": (SHARED, "", ""),
        "shared, any version": (SHARED, "&resourceVersion=0", ""),
        "shared, pages, metadata": (SHARED, "&limit=200", METADATA_ONLY.format("List")),
        "own, pages": (user(0), "&limit=200", ""),
    }
    if from_etcd:
        version = place.kube.get(f"{ARGO}/namespaces/{SHARED}/workflows?limit=1")["metadata"]["resourceVersion"]
        exact = f"&limit=200&resourceVersionMatch=Exact&resourceVersion={version}"
        kinds = {"shared": (SHARED, exact, ""), "own": (user(0), exact, "")}
    # What is read from etcd takes a second.
    count = max(1, place.size.lists // 10) if from_etcd else place.size.lists
    return {name: _lists(place, *kind, count=count) for name, kind in kinds.items()}


def _lists(place: Place, namespace: str, query: str, accept: str, *, count: int) -> dict[str, Any]:
    token = (place.account / "token").read_text(encoding="ascii")
    headers = {"Authorization": f"Bearer {token}", "Accept": accept or "application/json"}
    path = f"{ARGO}/namespaces/{namespace}/workflows?labelSelector=nbargo/user={user(0)}{query}"
    answer = place.kube.http.get(path, headers=headers).raise_for_status()
    assert len(answer.json()["items"]) == place.size.runs  # noqa: S101 - otherwise it is no list of one user
    before, began = place.use(), time.monotonic()
    for _ in range(count):
        place.kube.http.get(path, headers=headers).raise_for_status()
    seconds, used = time.monotonic() - began, place.use().since(before)
    return {
        "apiserver_ms": round(used.apiserver * 1000 / count, 2),
        "etcd_ms": round(used.etcd * 1000 / count, 2),
        "wall_ms": round(seconds * 1000 / count, 2),
        "bytes": len(answer.content),
    }


def same_requests(place: Place, log: Path) -> dict[str, Any]:
    """Return what a reading half and a watcher process ask for, by the audit log, over a restart of the server."""
    say("a reading half beside a watcher process")
    asked = {}
    for name in ("reading half", "watcher"):
        begin = len(log.read_text(encoding="utf-8").splitlines())
        with ExitStack() as stack:
            stack.enter_context(_one(place, name))
            _until_asked(log, begin, 4)
            time.sleep(3)
            start = sorted(_asked(log, begin))
            # With a change in between, the new server does not know the watches' versions.
            place.kube.merge(place.paths(shared=True)[0], {"status": {"progress": f"1/{begin + 2}"}})
            time.sleep(1)
            place.server.apiserver.kill()
            place.server.start_apiserver()
            _until_asked(log, begin, 10)
            time.sleep(8)
        # How often it has to ask until the server is back is chance; what it asks for is not.
        asked[name] = {"start": start, "all": sorted(set(_asked(log, begin)))}
    return {"same": asked["reading half"] == asked["watcher"], **asked}


@contextmanager
def _one(place: Place, name: str) -> Iterator[None]:
    if name == "reading half":
        with reading(place.orders(shared=True, count=1)):
            yield
        return
    with tempfile.TemporaryDirectory() as folder:
        port = place.server.server.rpartition(":")[2]
        stage.database(Path(folder))
        command = stage.own(int(port), SHARED, Path(folder))
        command[command.index("bench")] = user(0)
        where = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": port}
        with stage.running(command, Path(folder) / "log", NBARGO_BENCH_ACCOUNT=str(place.account), **where):
            yield


_DRAWN = ("resourceVersion", "timeoutSeconds")


def _until_asked(log: Path, begin: int, count: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while len(_asked(log, begin)) < count:
        if time.monotonic() > deadline:
            sys.exit(f"only {_asked(log, begin)} were asked")
        time.sleep(0.1)


def _asked(log: Path, begin: int) -> list[str]:
    """Return the requests of the audit log, without what is different every time."""
    found = []
    for line in log.read_text(encoding="utf-8").splitlines()[begin:]:
        told = json.loads(line)
        url = httpx.URL(told["requestURI"])
        query = {
            key: "..." if key in {"resourceVersion", "timeoutSeconds"} else value for key, value in url.params.items()
        }
        agent = told.get("userAgent", "")
        found.append(f"{told['verb']} {url.path} {json.dumps(query, sort_keys=True)} {agent}")
    return found


def watched_fleet(place: Place) -> dict[str, Any]:
    """Measure all that needs the two layouts."""
    empty, empty_etcd = place.use(collected=True), place.etcd_bytes()
    say("creating workflows")
    for shared in (True, False):
        place.fill(shared=shared)
    count = 2 * place.size.users * place.size.runs
    full, full_etcd = place.use(collected=True), place.etcd_bytes()
    result: dict[str, Any] = {
        "workflows": count,
        "workflow_bytes": objects.size(),
        "etcd_bytes_per_workflow": round((full_etcd - empty_etcd) / count),
        "apiserver_heap_mib": [empty.heap, full.heap],
        "apiserver_resident_mib": [empty.resident, full.resident],
    }
    say("nothing, and then changes, without watchers")
    result["nobody, nothing"] = window(place, shared=True, churn=False)
    result["nobody"] = window(place, shared=True)
    for name, shared in LAYOUTS.items():
        for form, metadata_only in {"full": False, "metadata": True}.items():
            result[f"{name}, {form}"] = fleet(place, shared=shared, metadata_only=metadata_only)
    result["start with jitter"] = starts(place)
    result["renewals"] = {name: renewals(place, shared=shared) for name, shared in LAYOUTS.items()}
    result["dense"] = dense(place)
    result["nobody, again"] = window(place, shared=True)
    result["lists"] = lists(place)
    result["restart"] = restart(place)
    return result


def second_server(size: Size) -> dict[str, Any]:
    """Measure lists that are read from etcd, and compare requests by the audit log."""
    with tempfile.TemporaryDirectory() as folder:
        policy, log = Path(folder) / "policy.json", Path(folder) / "audit.log"
        policy.write_text(json.dumps(_POLICY), encoding="utf-8")
        log.touch()
        audit = (f"--audit-policy-file={policy}", f"--audit-log-path={log}")
        with serving(size, NO_SNAPSHOTS, *audit) as place:
            say("creating workflows")
            for shared in (True, False):
                place.fill(shared=shared)
            return {"lists from etcd": lists(place, from_etcd=True), "same_requests": same_requests(place, log)}


_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["ResponseStarted", "ResponseComplete", "Panic"],
    "rules": [
        {
            "level": "Metadata",
            "users": ["system:serviceaccount:nbargo:watchers"],
            "resources": [{"group": "argoproj.io"}],
        },
        {"level": "None"},
    ],
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="20 users and short windows, to see that it works")
    quick = parser.parse_args().quick
    size = QUICK if quick else Size()
    result: dict[str, Any] = {"benchmark": "fleet", "load_before": stage.load(), **asdict(size), "rate": RATE}
    with serving(size) as place:
        result |= watched_fleet(place)
    result |= second_server(size)
    print(json.dumps({**result, "load_after": stage.load()}))


if __name__ == "__main__":
    main()
