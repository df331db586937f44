"""A real etcd and kube-apiserver with Argo's CRDs, as the cluster tests build them, and what they use of the machine.

No controller runs: every write is the benchmark's.
"""

import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from cluster.build import build  # noqa: E402 - found by the line above
from cluster.controlplane import STATIC_USERS, ControlPlane, service_account_token  # noqa: E402
from cluster.kube import ARGO, Kube  # noqa: E402
from cluster.programs import Program  # noqa: E402

TICKS = 100
"""Clock ticks in a second of /proc/PID/stat: USER_HZ, which is 100 on every Linux that Python runs on."""
_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
__all__ = ["ARGO", "Kube", "RealServer", "Use", "use"]
RULES = [{"apiGroups": ["argoproj.io"], "resources": ["*"], "verbs": ["get", "list", "watch"]}]


class RealServer(ControlPlane):
    """etcd and kube-apiserver alone.

    Args:
        directory: An empty folder for all files.
        flags: More of kube-apiserver's flags.
    """

    def __init__(self, directory: Path, *flags: str) -> None:
        self._flags = flags
        super().__init__(build(), directory)

    def start(self) -> None:
        """Start both, and return when Argo's resources are served."""
        token_file = self.directory / "tokens.csv"
        token_file.touch(mode=0o600)
        lines = (f'{self._tokens[user]},{user},{user},"{groups}"\n' for user, groups in STATIC_USERS.items())
        token_file.write_text("".join(lines), encoding="ascii")
        self.etcd.start()
        self.start_apiserver()
        for user, token in self._tokens.items():
            self._write_kubeconfig(user, token)
        with Kube(self.kubeconfig) as kube:
            self._install(kube)

    @property
    def etcd_url(self) -> str:
        """Where etcd's gateway is."""
        return self._etcd_url

    def account(self, kube: Kube) -> Path:
        """Make one service account that may read workflows everywhere, and return its folder as in a pod."""
        path, meta = f"/api/v1/namespaces/{self.namespace}/serviceaccounts", {"metadata": {"name": "watchers"}}
        kube.create(path, meta)
        rbac = "/apis/rbac.authorization.k8s.io/v1"
        kube.create(f"{rbac}/clusterroles", {**meta, "rules": RULES})
        subject = {"kind": "ServiceAccount", "name": "watchers", "namespace": self.namespace}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "watchers"}
        kube.create(f"{rbac}/clusterrolebindings", {**meta, "roleRef": role, "subjects": [subject]})
        folder = self.directory / "account"
        folder.mkdir()
        (folder / "ca.crt").write_bytes((self.certificates / "apiserver.crt").read_bytes())
        (folder / "token").write_text(service_account_token(kube, self.namespace, "watchers"), encoding="ascii")
        (folder / "namespace").write_text(self.namespace, encoding="ascii")
        return folder

    def _programs(self) -> list[Program]:
        return [self.etcd, self.apiserver]

    def _apiserver(self) -> Program:
        program = super()._apiserver()
        program.command = [*program.command, *self._flags]
        return program


@dataclass(frozen=True, kw_only=True)
class Use:
    """What the servers have used up to a moment, or between two.

    Attributes:
        apiserver: Seconds of processor time.
        etcd: The same of etcd.
        resident: Resident memory of kube-apiserver, MiB: of the moment, or of the later one.
        heap: Of it, Go's heap and stacks in use.
        counts: Counters of kube-apiserver's /metrics, about Argo's resources where they have a resource.
    """

    apiserver: float
    etcd: float
    resident: float
    heap: float
    counts: Counter[str] = field(default_factory=Counter)

    def since(self, before: "Use") -> "Use":
        """Return what was used between two moments."""
        counts = Counter({name: value - before.counts[name] for name, value in self.counts.items()})
        return Use(
            apiserver=self.apiserver - before.apiserver,
            etcd=self.etcd - before.etcd,
            resident=self.resident,
            heap=self.heap,
            counts=counts,
        )


def use(server: RealServer, kube: Kube, *, collected: bool = False) -> Use:
    """Return what the servers have used so far.

    Args:
        server: The servers.
        kube: Somebody who may do everything.
        collected: Whether kube-apiserver is to collect its garbage first, so that the heap is what is needed.
    """
    if collected:
        kube.http.get("/debug/pprof/heap?gc=1").raise_for_status()
    counts: Counter[str] = Counter()
    memory = 0.0
    for name, labels, value in _SAMPLE.findall(kube.http.get("/metrics").raise_for_status().text):
        told: dict[str, str] = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        if name in {"go_memstats_heap_inuse_bytes", "go_memstats_stack_inuse_bytes"}:
            memory += float(value) / 2**20
        elif key := _key(name, told):
            counts[key] += int(float(value))
    return Use(
        apiserver=processor(server.apiserver.pid),
        etcd=processor(server.etcd.pid),
        resident=round(resident(server.apiserver.pid), 1),
        heap=round(memory, 1),
        counts=counts,
    )


def _key(name: str, told: dict[str, str]) -> str:
    ours = told.get("group") == "argoproj.io"
    if name == "apiserver_request_total" and ours and told["verb"] in {"LIST", "WATCH", "GET"}:
        return told["verb"] + (" 429" if told["code"] == "429" else "")
    if name == "apiserver_response_sizes_sum" and ours and told["verb"] == "LIST":
        return "list bytes"
    if name == "apiserver_watch_events_sizes_sum" and ours:
        return "watch bytes"
    if name == "apiserver_watch_events_total" and ours:
        return "watch events"
    if name == "etcd_requests_total" and "argoproj.io" in told.get("resource", "") + told.get("type", ""):
        return f"etcd {told.get('operation', '')}"
    return ""


def processor(pid: int) -> float:
    """Return a process's seconds of processor time."""
    told = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / TICKS


def resident(pid: int) -> float:
    """Return a process's resident memory, MiB."""
    told = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in told if line.startswith("VmRSS"))
