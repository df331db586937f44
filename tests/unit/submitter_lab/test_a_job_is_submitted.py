import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from jupyter_scheduler.exceptions import InputUriError, SchedulerError

from nbargo_shared import labels, record
from support.lab_bench import Bench, request


async def test_a_submitted_job_is_a_workflow_with_its_notebook_staged_and_is_listed(bench: Bench) -> None:
    bench.notebook()
    job_id = await bench.scheduler().create_job(request(parameters={"x": "{{y}}"}, tags=["t"]))

    workflow = bench.workflow(job_id)
    assert workflow is not None
    assert workflow["metadata"]["labels"] == {labels.USER_LABEL: "alice", labels.JOB_LABEL: job_id}
    noted = record.parse(workflow["metadata"]["annotations"][labels.JOB_ANNOTATION])
    assert (noted.job_id, noted.name, noted.parameters, noted.tags) == (job_id, "report", {"x": "{{y}}"}, ("t",))
    assert workflow["spec"]["templates"][0]["script"]["image"] == "lab:1"
    assert bench.staged() == [job_id, f"{job_id}/report.ipynb"]
    assert bench.row_ids() == [job_id]


async def test_job_ids_are_random_without_a_token(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler()
    first, second = await scheduler.create_job(request()), await scheduler.create_job(request())
    assert first != second
    assert uuid.UUID(first).version == 4


@pytest.mark.parametrize(
    "name", ["it's (a) report.ipynb", "números 数.ipynb", "sub folder/deep.ipynb", "%41 100%.ipynb", "-x.ipynb"]
)
async def test_notebooks_of_any_name_are_staged(bench: Bench, name: str) -> None:
    bench.notebook(name)
    job_id = await bench.scheduler().create_job(request(input_uri=name))
    assert bench.staged()[1:] == [f"{job_id}/{Path(name).name}"]


@pytest.mark.parametrize(
    "path", ["missing.ipynb", "../outside.ipynb", "sub", "../homeless/x.ipynb", "a\0b", "/../outside.ipynb", ""]
)
async def test_a_notebook_that_is_not_in_the_home_is_an_input_error(bench: Bench, path: str) -> None:
    (bench.root / "sub").mkdir()
    (bench.folder / "homeless").mkdir()
    for outside in ("outside.ipynb", "homeless/x.ipynb"):
        (bench.folder / outside).write_text("{}")
    with pytest.raises(InputUriError):
        await bench.scheduler().create_job(request(input_uri=path, input_filename="x.ipynb"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not valid JSON"),
        ("[]", "not a notebook"),
        ('{"cells": [], "metadata": {}}', "no kernel"),
        ('{"cells": [], "metadata": {"kernelspec": {"name": ""}}}', "no kernel"),
        ("[" * 100_000, "not valid JSON"),
    ],
)
async def test_a_notebook_that_cannot_run_is_refused(bench: Bench, text: str, says: str) -> None:
    (bench.root / "report.ipynb").write_text(text)
    with pytest.raises(SchedulerError, match=says):
        await bench.scheduler().create_job(request())


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"runtime_environment_name": "gone"}, "no environment 'gone'.*default"),
        ({"output_formats": ["ipynb", "pdf"]}, "does not write the format 'pdf'"),
        ({"parameters": {"a b": "1"}}, "parameter name 'a b'"),
        ({"name": "x" * 257}, "'name'"),
        ({"parameters": {"a": "x" * 5000, "b": "y" * 70_000}}, "bytes"),
        ({"input_filename": "../x.ipynb"}, "input_filename.*plain file name"),
        ({"input_filename": "x" * 240 + ".ipynb"}, "plain file name"),
        ({"input_filename": labels.OUTCOME_FILE}, "cannot be called"),
        ({"job_definition_id": "x"}, "job_definition_id"),
        ({"tags": ["t"] * 2000}, "'tags'"),
    ],
)
async def test_what_cannot_be_submitted_is_refused_in_one_sentence(
    bench: Bench, values: dict[str, Any], says: str
) -> None:
    bench.notebook()
    with pytest.raises(SchedulerError, match=says) as caught:
        await bench.scheduler().create_job(request(**values))
    assert "\n" not in str(caught.value)
    assert (bench.workflows(), bench.staged()) == ([], [])


async def test_a_format_that_is_named_twice_is_written_once(bench: Bench) -> None:
    bench.notebook()
    job_id = await bench.scheduler().create_job(request(output_formats=["html", "html"]))
    assert (await bench.scheduler().get_job(job_id)).output_formats == ["html"]


async def test_without_an_image_nothing_is_sent(bench: Bench) -> None:
    bench.notebook()
    with pytest.raises(SchedulerError, match=r"No container image.*NBARGO_IMAGE"):
        await bench.scheduler(image="").create_job(request())
    assert bench.staged() == []


async def test_the_environment_chosen_decides_on_the_image(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler(environments=[{"name": "gpu", "image": "gpu:2", "output_formats": ["ipynb"]}])
    job_id = await scheduler.create_job(request(runtime_environment_name="gpu", output_formats=["ipynb"]))
    workflow = bench.workflow(job_id)
    assert workflow is not None
    assert workflow["spec"]["templates"][0]["script"]["image"] == "gpu:2"


def status(code: int, reason: str, message: str) -> web.Response:
    document = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}
    return web.json_response({**document, "reason": reason}, status=code)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda: status(403, "Forbidden", 'User "a" cannot create'), 'User "a" cannot create.*administrator'),
        (lambda: status(401, "Unauthorized", "Unauthorized"), "credentials"),
        (lambda: web.Response(status=404, text="404 page not found\n"), "Argo Workflows installed"),
        (lambda: status(404, "NotFound", 'namespaces "argo" not found'), "namespaces.*NBARGO_NAMESPACE"),
        (lambda: status(422, "Invalid", "spec is wrong"), "spec is wrong"),
        (lambda: status(503, "ServiceUnavailable", "etcd is down"), "etcd is down.*again"),
        (lambda: web.Response(status=502, text="<html>bad gateway</html>"), "HTTP 502"),
        (lambda: web.Response(status=200, text="<html>welcome</html>"), "HTTP 200"),
    ],
)
async def test_an_answer_that_refuses_is_told_and_leaves_nothing(bench: Bench, answer: Any, says: str) -> None:
    bench.notebook()

    async def refuse(_: web.Request) -> web.StreamResponse:
        return answer()  # type: ignore[no-any-return]

    bench.before, bench.projecting = refuse, False
    with pytest.raises(SchedulerError, match=says) as caught:
        await bench.scheduler().create_job(request())
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert bench.staged() == []


async def test_nobody_at_the_clusters_address_is_told_at_once_and_leaves_nothing(bench: Bench) -> None:
    bench.notebook()
    kubeconfig = bench.folder / "dead"
    text = bench.server.kubeconfig.read_text()
    kubeconfig.write_text(text.replace(bench.server.url, "http://127.0.0.1:1"))
    with pytest.raises(SchedulerError, match=r"cannot be reached.*Check that the cluster is up"):
        await bench.scheduler(kubeconfig=str(kubeconfig)).create_job(request())
    assert bench.staged() == []


async def test_a_scheduler_without_any_cluster_is_made_and_says_what_to_set(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler(kubeconfig="")
    assert (await scheduler.list_jobs(list_query())).total_count == 0
    with pytest.raises(SchedulerError, match=r"knows of no Kubernetes cluster.*NBARGO_KUBECONFIG"):
        await scheduler.create_job(request())
    assert bench.staged() == []


def list_query() -> Any:
    from jupyter_scheduler.models import ListJobsQuery  # noqa: PLC0415 - used here alone

    return ListJobsQuery(max_items=0)


@pytest.mark.parametrize("text", ["", "- a\n- b", "clusters: []", "{", '{"current-context": "x", "contexts": []}'])
async def test_a_broken_kubeconfig_is_told(bench: Bench, text: str) -> None:
    bench.notebook()
    kubeconfig = bench.folder / "broken"
    kubeconfig.write_text(text)
    with pytest.raises(SchedulerError, match=r"kubeconfig .*broken cannot be used"):
        await bench.scheduler(kubeconfig=str(kubeconfig)).create_job(request())


async def test_a_create_whose_answer_is_lost_counts_if_the_workflow_is_there(bench: Bench) -> None:
    bench.notebook()

    def cut(sent: web.Request) -> None:
        if sent.method == "POST" and sent.transport:
            sent.transport.abort()

    bench.after = cut
    job_id = await bench.scheduler().create_job(request())
    assert bench.workflow(job_id) is not None
    assert bench.staged() == [job_id, f"{job_id}/report.ipynb"]


async def test_a_create_that_was_cut_before_it_arrived_leaves_nothing(bench: Bench) -> None:
    bench.notebook()

    async def cut(sent: web.Request) -> web.StreamResponse:
        if sent.method == "POST":
            assert sent.transport
            sent.transport.abort()
        return status(404, "NotFound", "not there")

    bench.before = cut
    with pytest.raises(SchedulerError, match="did not answer"):
        await bench.scheduler().create_job(request())
    assert bench.staged() == []


async def test_a_token_that_was_rotated_is_read_again(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler()
    old = bench.server.kubeconfig.read_text()
    bench.server.kubeconfig.write_text(old.replace(bench.server.token, "stale"))
    with pytest.raises(SchedulerError, match="credentials"):
        await scheduler.create_job(request())
    bench.server.kubeconfig.write_text(old)
    assert await scheduler.create_job(request())


async def test_the_manifest_is_one_json_object_that_names_no_secret_of_the_lab(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "hush-hush")
    bench.notebook()
    await bench.scheduler().create_job(request())
    assert "hush-hush" not in json.dumps(bench.workflows())
