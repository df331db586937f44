"""What can be asked of a running watcher over HTTP: /healthz, /readyz and /metrics.

/healthz fails when a task has not moved for so long that only a new process could help. /readyz fails while the rows
cannot be kept true, and says why: it is what a person or an alert wants to know, and no reason to kill the process.
"""

import json
import time
from collections.abc import Iterable
from itertools import accumulate
from typing import Final

import anyio
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from nbargo_watcher.parts import Ground
from nbargo_watcher.telemetry import LAG_BOUNDS, Telemetry

STUCK_AFTER: Final = 600.0
"""Seconds. A quiet stream moves at least every 90; the longest wait that is meant to be is 120."""
_PREFIX: Final = "nbargo_watcher_"


def state(telemetry: Telemetry, *, now: float) -> dict[str, object]:
    """Return what there is to know, as JSON types.

    Args:
        telemetry: The counters.
        now: Seconds of time.monotonic.
    """
    stuck = sorted(part for part, at in telemetry.moved_at.items() if now - at > STUCK_AFTER)
    return {
        "healthy": not stuck,
        "ready": bool(telemetry.ready) and not telemetry.degraded and not stuck,
        "degraded": dict(telemetry.degraded),
        "stuck": stuck,
        "streams": sorted(telemetry.ready),
        "last_byte_age_seconds": _age(telemetry.heard_at, now),
        "last_commit_age_seconds": _age(telemetry.committed_at, now),
        "lists": telemetry.lists,
        "watches": telemetry.watches,
        "events": telemetry.events,
        "quarantined": telemetry.quarantined,
    }


class Exporter(Collector):
    """Turns the counters into Prometheus' metrics when they are asked for.

    Args:
        telemetry: The counters.
    """

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def collect(self) -> Iterable[Metric]:
        """Return all metrics."""
        told = self._telemetry
        now = time.monotonic()
        yield _counter("lists", "Complete lists", told.lists)
        yield _counter("watches", "Watches that the server began", told.watches)
        yield _counter("events", "Events that came through watches", told.events)
        yield _counter("quarantined", "Objects that could not be read", told.quarantined)
        yield _labelled("changes", "Rows of jobs written, by kind of change", "kind", told.changes)
        yield _labelled("definitions", "Rows of definitions written, by kind of change", "kind", told.definitions)
        yield _labelled("resolved", "Jobs seen to have ended, by where it was read", "source", told.resolved)
        yield _labelled("retries", "Requests and commits that went wrong, by reason", "reason", told.retries)
        yield _gauge("last_byte_age_seconds", "Seconds since a byte came from the API server", _age(told.heard_at, now))
        yield _gauge("last_commit_age_seconds", "Seconds since the last commit", _age(told.committed_at, now))
        degraded = GaugeMetricFamily(f"{_PREFIX}degraded", "1 for what does not do its work", labels=["part", "reason"])
        for part, reason in told.degraded.items():
            degraded.add_metric([part, reason.partition(":")[0][:80]], 1)
        yield degraded
        yield _lag(told)


async def serve(ground: Ground) -> None:
    """Answer on the health port, on all addresses, until cancelled.

    Args:
        ground: Whose health it is.

    Raises:
        OSError: The port is in use.
    """
    registry = CollectorRegistry()
    registry.register(Exporter(ground.telemetry))

    async def healthz(_: web.Request) -> web.Response:
        return _answer(ground.telemetry, key="healthy")

    async def readyz(_: web.Request) -> web.Response:
        return _answer(ground.telemetry, key="ready")

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, port=ground.settings.health_port, shutdown_timeout=0.5).start()
        await anyio.sleep_forever()
    finally:
        with anyio.CancelScope(shield=True):
            await runner.cleanup()


def _answer(telemetry: Telemetry, *, key: str) -> web.Response:
    told = state(telemetry, now=time.monotonic())
    return web.json_response(told, status=200 if told[key] else 503, dumps=json.dumps)


def _age(at: float | None, now: float) -> float | None:
    return None if at is None else round(now - at, 3)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"{_PREFIX}{name}", text, value=value)


def _labelled(name: str, text: str, label: str, values: dict[str, int]) -> Metric:
    family = CounterMetricFamily(f"{_PREFIX}{name}", text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _gauge(name: str, text: str, value: float | None) -> Metric:
    return GaugeMetricFamily(f"{_PREFIX}{name}", text, value=float("nan") if value is None else value)


def _lag(told: Telemetry) -> Metric:
    bounds = [*map(str, LAG_BOUNDS), "+Inf"]
    buckets = list(zip(bounds, map(float, accumulate(told.lag_counts)), strict=True))
    text = "Seconds from an event's arrival to its commit"
    return HistogramMetricFamily(f"{_PREFIX}commit_lag_seconds", text, buckets=buckets, sum_value=told.lag_sum)
