"""NetworkPolicies, which add to zero-to-jupyterhub's, and what Prometheus and Grafana are given."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import yaml

from chart.helm import CHART
from nbargo_watcher.health import Exporter
from nbargo_watcher.telemetry import Telemetry

if TYPE_CHECKING:
    from chart.rendered import Rendered


def metrics() -> set[str]:
    """Return the names of the watcher's metrics, as Prometheus has them."""
    endings = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}
    return {each.name + ending for each in Exporter(Telemetry()).collect() for ending in endings[each.type]}


def named(text: str) -> set[str]:
    return set(re.findall(r"nbargo_watcher_\w+", text))


def test_a_lab_reaches_the_api_server_and_nothing_else_by_it(modes: dict[str, Rendered]) -> None:
    spec = modes["user-namespaces"].named("NetworkPolicy", "nbargo-lab", "jupyter-alice")["spec"]
    assert spec["policyTypes"] == ["Egress"]
    (rule,) = spec["egress"]
    assert rule["to"] == [{"ipBlock": {"cidr": "10.96.0.1/32"}}]
    assert rule["ports"] == [{"port": 443, "protocol": "TCP"}, {"port": 6443, "protocol": "TCP"}]


def test_prometheus_reaches_the_watcher_if_it_is_to(modes: dict[str, Rendered]) -> None:
    spec = modes["shared-namespace"].named("NetworkPolicy", "nbargo-lab")["spec"]
    (rule,) = spec["ingress"]
    assert rule["ports"] == [{"port": 8090, "protocol": "TCP"}]
    (source,) = rule["from"]
    assert source["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "monitoring"}


def test_jobs_reach_the_api_server_names_and_whom_they_tell(modes: dict[str, Rendered]) -> None:
    spec = modes["shared-namespace"].named("NetworkPolicy", "nbargo-job")["spec"]
    server, names, mail = spec["egress"]
    assert len(server["to"]) == 2
    assert {each["port"] for each in names["ports"]} == {53}
    assert mail == {"to": [{"ipBlock": {"cidr": "192.0.2.25/32"}}], "ports": [{"port": 587, "protocol": "TCP"}]}


def test_nothing_of_it_is_there_by_default(plain: Rendered) -> None:
    kinds = {each["kind"] for each in plain.objects}
    assert not kinds & {"NetworkPolicy", "PodMonitor", "PrometheusRule"}
    assert {each["metadata"]["name"] for each in plain.of_kind("ConfigMap")} == {"nbargo-lab", "nbargo-z2jh"}


def test_the_monitor_finds_the_port_of_every_labs_watcher(modes: dict[str, Rendered]) -> None:
    chart = modes["user-namespaces-rwx"]
    spec = chart.named("PodMonitor", "nbargo-watcher")["spec"]
    assert spec["namespaceSelector"]["matchNames"] == chart.namespaces()
    (endpoint,) = spec["podMetricsEndpoints"]
    (port,) = chart.z2jh()["singleuser"]["initContainers"][0]["ports"]
    assert endpoint["port"] == port["name"]


def test_alerts_ask_for_metrics_that_there_are(modes: dict[str, Rendered]) -> None:
    (group,) = modes["shared-namespace"].named("PrometheusRule", "nbargo-watcher")["spec"]["groups"]
    assert len(group["rules"]) == 6
    for rule in group["rules"]:
        assert named(rule["expr"]) <= metrics()
        assert rule["annotations"]["summary"]


def test_alerts_are_those_of_the_operators_page() -> None:
    page = " ".join((CHART.parents[1] / "docs" / "operators.md").read_text().split())
    for rule in yaml.safe_load((CHART / "files" / "alerts.yaml").read_text()):
        assert rule["expr"].replace("namespace, ", "") in page


def test_the_dashboard_asks_for_metrics_that_there_are(modes: dict[str, Rendered]) -> None:
    found = modes["shared-namespace"].named("ConfigMap", "nbargo-dashboard")
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    dashboard = json.loads(found["data"]["nbargo.json"])
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    for panel in dashboard["panels"]:
        assert panel["description"]
        for target in panel["targets"]:
            assert named(target["expr"]) <= metrics()
