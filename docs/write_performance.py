"""Write the tables of performance.md from what the benchmarks printed.

    make bench > bench.jsonl
    .venv/bin/python docs/write_performance.py bench.jsonl

Any part of them will do: a table whose benchmark is not in the file stays as it is.
"""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("performance.md")
Figures = dict[str, Any]


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; all columns but the first are figures."""
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join([f"| {' | '.join(head)} |", "|---" + "|---:" * (len(head) - 1) + "|", *lines])


def events(told: Figures) -> str:
    """Return a table for each size of events."""
    head = ["", "events a second", "to kubernetes' Watch", "CPU microseconds an event", "rows written", "peak, MiB"]
    sizes = {"small": "Events of 3.2 KB:", "large": "Events of 29 KB:"}
    return "\n\n".join(
        f"{title}\n\n{table(head, [_events_row(name, row) for name, row in told[size].items()])}"
        for size, title in sizes.items()
        if size in told
    )


def _events_row(name: str, row: Figures) -> list[object]:
    peak = row.get("peak_mib", "")
    rate, cpu = f"{row['events_per_second']:,}", row["cpu_microseconds_per_event"]
    return [name, rate, row["to_kubernetes"], cpu, f"{row['rows']:,}" if "rows" in row else "", peak]


def latency(told: Figures) -> str:
    """Return a table with a row for each rate and program."""
    rows = [
        [f"{name}, {rate}", *figures[name].values(), figures["p50_to_floor"] if name == "ours" else ""]
        for rate, figures in told["milliseconds"].items()
        for name in ("ours", "floor")
    ]
    return table(["milliseconds", "p50", "p95", "p99", "p50 to the floor's"], rows)


def once(told: Figures) -> str:
    """Return a table with a row for each program."""
    names = {
        "page-aiohttp": "plain paging, aiohttp",
        "page-http": "plain paging, http.client",
        "cold": "`watcher --once`, cold",
        "idle": "`watcher --once`, again",
    }
    base = told["seconds"]["page-aiohttp"]
    rows = [[text, told["seconds"][name], round(told["seconds"][name] / base, 2)] for name, text in names.items()]
    return table([f"{told['workflows']:,} workflows", "seconds", "to paging with aiohttp"], rows)


def memory(told: Figures) -> str:
    """Return a table with a row for each environment."""
    rows = [
        [name, *(told[name][key] for key in ("listed_mib", "end_mib", "peak_mib", "slope_kib_per_1000_events"))]
        for name in ("watcher only, as a sidecar", "watcher only", "this environment")
        if name in told
    ]
    first = f"with {told['jobs']:,} jobs, MiB"
    return table(["", first, f"after {told['events']:,} events, MiB", "peak, MiB", "KiB per 1,000 events"], rows)


def requests(told: Figures) -> str:
    """Return a table with a row for each fault and a column for each client."""
    peers = [name for name in ("kubernetes", "kubernetes_asyncio", "lightkube", "kr8s", "kopf") if name in told]
    rows = [
        [fault, ours["most_in_a_minute"], *(_peer(told[peer].get(fault)) for peer in peers)]
        for fault, ours in told["ours"].items()
    ]
    idle = told["idle_requests_a_minute_and_stream"]
    return f"{table(['', 'ours', *peers], rows)}\n\nIdle, after the first list and watch: {idle} a minute and stream."


def _peer(told: Figures | None) -> str:
    if told is None:
        return ""
    ended = {"still running": "", "returned": ", ends"}.get(told["ended"], ", raises")
    return f"{told['in_a_minute']:,}{ended}"


def install(told: Figures) -> str:
    """Return the sizes and the times."""
    sizes = [(name, size) for name, size in told["installed_mb"].items() if name != "sum"]
    rows: list[tuple[object, object]] = [
        ("all packages, MB", told["installed_mb"]["sum"]),
        ("the same with bytecode, MB", told["with_bytecode_mb"]),
        *((f"of it {name}, MB", size) for name, size in sizes),
        *((f"{name}, ms", taken) for name, taken in told["milliseconds"].items()),
    ]
    return table(["", ""], rows)


def lab_startup(told: Figures) -> str:
    """Return a table of both configurations and the difference."""
    rows = [
        ["stock jupyter-scheduler", told["stock_ms"], told["stock_mb"]],
        ["with the plugin", told["nbargo_ms"], told["nbargo_mb"]],
        ["more, within a turn", told["more_ms"], told["more_mb"]],
    ]
    return table([f"medians of {told['rounds']} turns", "ms", "MiB"], rows)


def lists(told: Figures) -> str:
    """Return a table with a row for each list."""
    keys = ("ours_p50", "ours_p95", "stock_p50", "stock_p95", "to_stock")
    rows = [[name, *(row[key] for key in keys)] for name, row in told.items() if isinstance(row, dict)]
    return table(["milliseconds", "ours, p50", "p95", "stock, p50", "p95", "ours to stock"], rows)


def reference(told: Figures) -> str:
    """Return one table of all that is compared."""
    status, memory = told["status_ms"], told["mib"]
    steps = [name for name in status["theirs"] if name not in status["ours"]]
    rows = [
        *(_beside(f"pods, {kind}", count) for kind, count in told["pods"].items()),
        *(_beside(f"{text}, ms", _of(told["submit_ms"], name)) for name, text in SUBMISSION.items()),
        *(_beside(f"to the final status, {name}, ms", _of(status, name)) for name in status["ours"]),
        *(_beside(f"of it the {name}, ms", _of(status, name)) for name in steps),
        *(_beside(f"memory, {name}, MiB", _of(memory, name)) for name in memory["ours"]),
    ]
    text = table(["", "nbargo", "argo-jupyter-scheduler", "theirs to ours"], rows)
    return f"{text}\n\nThe memory of an idle lab with stock jupyter-scheduler: {memory['stock']['idle']} MiB."


SUBMISSION = {
    "answer_p50": "from the request to its answer, p50",
    "answer_p90": "the same, p90",
    "server_p50": "the API server's own part, p50",
    "there_p50": "from the request to the object's creation, p50",
    "there_p90": "the same, p90",
    "first": "to the answer of the first request of a lab",
}


def _of(told: Figures, name: str) -> Figures:
    return {who: told[who].get(name) for who in ("ours", "theirs")}


def _beside(text: str, figures: Figures) -> list[object]:
    ours, theirs = figures["ours"], figures["theirs"]
    if ours is None or theirs is None:
        return [text, *("" if value is None else value for value in (ours, theirs)), ""]
    return [text, ours, theirs, round(theirs / ours, 2)]


def pages(told: Figures) -> str:
    """Return a table with a row for each page, as for the lists."""
    return lists(told)


def submit(told: Figures) -> str:
    """Return a table with a row for each database."""
    keys = ("beside_p50", "beside_p95", "api_server_p50", "first")
    rows = [[name, *(row[key] for key in keys)] for name, row in told.items() if isinstance(row, dict)]
    head = ["milliseconds", "p50", "p95", "the API server's own, p50", "the first, in all"]
    return table(head, rows)


def staging(told: Figures) -> str:
    """Return a table with a row for each kind of volume, and how late the event loop was."""
    disk, slow, late = told["disk"], told["slow_volume"], told["loop_late_ms"]
    rows = [
        [f"{disk['files']:,} files, {disk['mb']:,} MB", disk["ours"], disk["copytree"], disk["cp"]],
        [
            f"{slow['files']:,} files, {slow['round_trip_ms']:.0f} ms for each that is opened",
            *(slow["ours"], slow["copytree"], ""),
        ],
    ]
    looks = f"The lab's event loop was {late['p99']} ms late meanwhile (99th percentile), {late['max']} at most."
    return f"{table(['seconds', 'ours', 'shutil.copytree', '`cp -r`'], rows)}\n\n{looks}"


TABLES: dict[str, Callable[[Figures], str]] = {
    each.__name__: each
    for each in (
        *(events, latency, once, memory, requests, install, lab_startup, lists, pages, submit, staging, reference),
    )
}


def page(text: str, found: Iterable[Figures]) -> str:
    """Return the page with new tables."""
    for told in found:
        name = told["benchmark"]
        start, end = f"<!-- {name}: written by docs/write_performance.py -->\n", f"<!-- end of {name} -->\n"
        before, _, rest = text.partition(start)
        after = rest.partition(end)[2]
        taken = "a short run (`--quick`), " if told.get("quick") else ""
        load = f"\n\n({taken}load before: {told['load_before']})".replace("(a", "(A") if "load_before" in told else ""
        text = f"{before}{start}\n{TABLES[name](told)}{load}\n\n{end}{after}"
    return text


def main() -> None:
    """Read the files that are named, and write the page."""
    lines = [line for name in sys.argv[1:] for line in Path(name).read_text(encoding="utf-8").splitlines()]
    found = [json.loads(line) for line in lines if line.startswith("{")]
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")


if __name__ == "__main__":
    main()
