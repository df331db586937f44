"""Nobody answers at the API server's address: the lab starts, and a user is told what to check."""

import time

import pytest

from support import notebooks as make
from support.stack import MakeStack

pytestmark = pytest.mark.e2e

UNREACHABLE = """
apiVersion: v1
kind: Config
current-context: c
clusters: [{name: c, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: c, context: {cluster: c, user: u, namespace: argo}}]
"""
PATIENCE_SECONDS = 15


def test_a_job_is_refused_with_one_clear_sentence_and_nothing_stays(make_stack: MakeStack) -> None:
    stack = make_stack()
    stack.place.kubeconfig.write_text(UNREACHABLE, encoding="utf-8")
    rest = stack.start_lab()
    make.write(stack.place.notebooks / "short.ipynb", "pass")
    assert rest.listed() == set()
    asked = time.monotonic()
    response = rest.send("POST", "jobs", json=rest.body("short.ipynb"))
    assert time.monotonic() - asked < PATIENCE_SECONDS
    assert response.status_code >= 400
    message = response.json()["message"]
    assert "127.0.0.1:9" in message
    assert "Check that the cluster is up" in message
    assert "Traceback" not in response.text
    assert not stack.place.staging.exists() or not list(stack.place.staging.iterdir())
    assert stack.rows() == {}


def test_without_any_kubeconfig_the_lab_starts_and_says_what_is_missing(make_stack: MakeStack) -> None:
    stack = make_stack()
    assert not stack.place.kubeconfig.exists()
    rest = stack.start_lab()
    make.write(stack.place.notebooks / "short.ipynb", "pass")
    response = rest.send("POST", "jobs", json=rest.body("short.ipynb"))
    assert response.status_code >= 400
    assert "kubeconfig" in response.json()["message"]
    assert rest.listed() == set()
