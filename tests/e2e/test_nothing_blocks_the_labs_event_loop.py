"""One JupyterLab server answers a user's editor, terminals and kernels; a call that waits for a disk stops them all."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from support import blocking
from support import notebooks as make
from support.rest import Rest
from support.stack import MakeStack, Stack

pytestmark = pytest.mark.e2e


@pytest.fixture
def watched(make_stack: MakeStack, tmp_path: Path) -> Callable[..., tuple[Stack, Path]]:
    """Start a stack whose lab writes down what blocks it; returns it and the file."""

    def start(**variables: str) -> tuple[Stack, Path]:
        report = tmp_path / "report"
        tests = str(Path(blocking.__file__).parents[1])
        stack = make_stack(**variables, **{blocking.REPORT: str(report), "PYTHONPATH": tests})
        enabled = stack.place.root / "config" / "jupyter_server_config.d" / "blocking.json"
        enabled.parent.mkdir(parents=True)
        extensions = {"ServerApp": {"jpserver_extensions": {blocking.__name__: True}}}
        enabled.write_text(json.dumps(extensions), encoding="utf-8")
        stack.start_argo()
        stack.start_watcher()
        stack.start_lab()
        return stack, report

    return start


def use_jobs(rest: Rest) -> None:
    job_id = rest.create("work/report.ipynb", package_input_folder=True, parameters={"a": "2"})
    rest.wait_for(job_id, "COMPLETED")
    rest.jobs(max_items=25, sort_by="desc(create_time)")
    rest.ok("GET", "jobs/count", params={"status": "IN_PROGRESS"})
    rest.download(job_id)
    rest.download(job_id, redownload="true")
    rest.ok("PATCH", f"jobs/{job_id}", json={"name": "renamed"})
    other = rest.create("slow.ipynb", idempotency_token="once")
    assert rest.send("POST", "jobs", json=rest.body("slow.ipynb", idempotency_token="once")).status_code == 409
    rest.stop(other)
    rest.delete(other)
    rest.ok("DELETE", "batch/jobs", params={"job_id": job_id})


def use_definitions(rest: Rest) -> None:
    scheduled = rest.define("work/report.ipynb", package_input_folder=True)
    plain = rest.define("slow.ipynb", schedule=None, timezone=None)
    rest.defined()
    for definition_id in (scheduled, plain):
        rest.definition(definition_id)
        rest.edit(definition_id, active=False, name="renamed")
        rest.edit(definition_id, input_uri="other.ipynb")
        rest.stop(rest.run_now(definition_id, parameters={"a": "3"}))
    rest.edit(scheduled, schedule="")
    rest.edit(plain, schedule="0 0 1 1 *")
    rest.undefine(scheduled)
    rest.undefine(plain)


def use_what_fails(rest: Rest) -> None:
    errors = (httpx.codes.INTERNAL_SERVER_ERROR,)
    assert rest.send("POST", "jobs", json=rest.body("nowhere.ipynb")).status_code in errors
    assert rest.send("GET", "jobs/no-such-job").status_code in errors
    assert rest.send("GET", "jobs/no-such-job/download_files").status_code in errors
    assert rest.send("PATCH", "job_definitions/no-such", json={"name": "a"}).status_code in errors
    assert rest.send("DELETE", "job_definitions/no-such").status_code in errors


def test_no_handler_blocks_the_event_loop(watched: Callable[..., tuple[Stack, Path]]) -> None:
    stack, report = watched()
    make.write(stack.place.notebooks / "work" / "report.ipynb", "print(a)", parameters="a = 1")
    (stack.place.notebooks / "work" / "data.csv").write_text("1")
    make.write(stack.place.notebooks / "slow.ipynb", "import time; time.sleep(60)")
    make.write(stack.place.notebooks / "other.ipynb", "print(1)")
    rest = stack.rest
    rest.ok("GET", "runtime_environments")
    rest.ok("GET", "config")
    use_jobs(rest)
    use_definitions(rest)
    use_what_fails(rest)
    found = sorted(set(report.read_text().splitlines()))
    assert found == [], "\n".join(found)


@pytest.mark.parametrize("call", blocking.CALLS)
def test_a_blocking_call_is_found(watched: Callable[..., tuple[Stack, Path]], call: str) -> None:
    stack, report = watched(**{blocking.DELIBERATE: call})
    stack.rest.defined()
    assert [line.partition(":")[0] for line in report.read_text().splitlines()].count(call) >= 1
