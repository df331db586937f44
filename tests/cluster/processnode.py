"""A node without a container runtime: it plays Argo's pods as local processes.

It registers itself as a Node, binds the pods of its namespace to itself, runs the command of the main container in a
process group, and reports what kubelet and argoexec would report, the latter with the rights of the pod's service
account. Argo stops a pod by an exec of ``argoexec kill <signal> 1``, which kube-apiserver passes on to the kubelet:
this program serves that path and sends the signal. A job shares the machine's files with all others, so a template's
output paths must be different for each job.

Run as ``python -m cluster.processnode``; SIGTERM ends it and all its processes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import ssl
import sys
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from cluster import podplay, podtrouble
from cluster.nodeapi import RETRY_SECONDS, Api, log
from cluster.podplay import Ending, Pod, UnplayableError

NODE = "process-node"
WATCH_SECONDS = 300
LINE_BYTES = 8 * 1024 * 1024


@dataclass(slots=True)
class Player:
    """Plays one pod, from its binding to its end.

    Args:
        api: The API server.
        pod: The pod as last seen.
        directory: The pod's own files: the script, what it prints, its home.
    """

    api: Api
    pod: Pod
    directory: Path
    template: dict[str, Any] = field(default_factory=dict)
    token: str | None = None
    process: asyncio.subprocess.Process | None = None
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    told: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def path(self) -> str:
        """The pod's path in the API."""
        return f"{self.api.core}/pods/{self.pod['metadata']['name']}"

    def observe(self, pod: Pod) -> None:
        """Take in a newer state of the pod; a deletion ends it."""
        self.pod = pod
        if podtrouble.is_told(pod):
            self.told.set()
        if "deletionTimestamp" in pod["metadata"]:
            self.end()

    def end(self) -> None:
        """End the pod, whatever it waits for."""
        self.ending.set()
        self.told.set()

    def signal(self, number: int) -> None:
        """Send a signal to the process group of the main container, if it still exists."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    async def play(self) -> None:
        """Play the pod; always leaves no process behind."""
        name, trouble = self.pod["metadata"]["name"], podtrouble.of(self.pod)
        if said := podtrouble.UNSCHEDULED.get(trouble):
            await self._hold(podtrouble.unscheduled_status(said, podplay.now()))
        target = {"apiVersion": "v1", "kind": "Node", "name": NODE}
        binding = {"metadata": {"name": name}, "target": target}
        if not await self.api.send("POST", f"{self.path}/binding", binding):
            return
        if waiting := podtrouble.WAITING.get(trouble):
            await self._hold(podtrouble.waiting_status(*waiting, podplay.now()))
        self.token = await self.api.pod_token(self.pod)
        if self.token is None:
            return
        await self.api.send("POST", self.api.results, podplay.task_result(self.pod), token=self.token)
        started = podplay.now()
        try:
            process = await self._start()
        except (UnplayableError, OSError, LookupError, aiohttp.ClientError) as error:
            code = podplay.EXIT_EXECUTOR_ERROR
            ending = Ending(code, started, started, start_error=str(error) or repr(error))
        else:
            await self._report_status(podplay.running_status(started))
            ending = await self._wait(process, started, podtrouble.ENDED.get(trouble))
        missing = await self._report_outputs()
        ending = replace(ending, executor_error=ending.executor_error or missing)
        await self._report_status(podplay.ended_status(ending))
        log(f"{name}: {ending}")
        await self.ending.wait()
        options = {
            "gracePeriodSeconds": 0,
            "preconditions": {"uid": self.pod["metadata"]["uid"]},
        }
        await self.api.send("DELETE", self.path, options)

    async def _hold(self, status: dict[str, Any]) -> None:
        """Leave the pod pending until it is told to go on, or deleted."""
        await self._report_status(status)
        await self.told.wait()

    async def _start(self) -> asyncio.subprocess.Process:
        home = self.directory / "home"
        home.mkdir(parents=True)
        base = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(home),
            "LANG": "C.UTF-8",
        }
        self.template = json.loads(podplay.template_text(self.pod))
        script = self.directory / "script"
        script.write_text(self.template.get("script", {}).get("source", ""))
        script.chmod(0o700)
        referred = {key: await self.api.data(key) for key in podplay.references(self.pod)}
        declared = podplay.environment(self.pod, referred)
        variables = {**base, **declared}
        words = podplay.command(self.pod, script, declared)
        log(f"{self.pod['metadata']['name']}: {words}")
        if reason := podplay.start_error(words[0], variables["PATH"]):
            raise UnplayableError(reason)
        with self._output("stdout").open("wb") as out, self._output("stderr").open("wb") as err:
            self.process = await asyncio.create_subprocess_exec(
                *words,
                cwd=podplay.main_container(self.pod).get("workingDir", home),
                env=variables,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        return self.process

    def _output(self, stream: str) -> Path:
        return self.directory / stream

    async def _wait(
        self, process: asyncio.subprocess.Process, started: str, by_node: podtrouble.Ended | None
    ) -> Ending:
        """Wait for the process, a deletion of the pod, its deadline or the node's own doing, and see that it ends."""
        reason = message = main_reason = ""
        ended = asyncio.ensure_future(process.wait())
        asked = asyncio.ensure_future((self.told if by_node else self.ending).wait())
        try:
            done, _ = await asyncio.wait(
                {ended, asked},
                timeout=self.pod["spec"].get("activeDeadlineSeconds"),
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not done:
                reason, message = "DeadlineExceeded", podplay.DEADLINE_MESSAGE
            elif by_node and ended not in done and not self.ending.is_set():
                reason, message, main_reason = by_node.reason, by_node.message, by_node.container
                self.signal(by_node.signal)
            if ended not in done:
                self.signal(signal.SIGTERM)
                await asyncio.wait({ended}, timeout=podplay.grace_seconds(self.pod))
        finally:
            asked.cancel()
            self.signal(signal.SIGKILL)
        code = podplay.exit_code(await ended)
        return Ending(code, started, podplay.now(), reason=reason, message=message, main_reason=main_reason)

    async def _report_outputs(self) -> str:
        """Report outputs as the wait container does, and return its error, empty if none."""
        wanted = podplay.wants_result(self.pod)
        result = podplay.read_text(self._output("stdout")) if wanted else None
        outputs, error = podplay.outputs(self.template, podplay.read_text, result)
        report = {"metadata": {"labels": {podplay.REPORTED: "true"}}, "outputs": outputs}
        path = f"{self.api.results}/{podplay.node_id(self.pod)}"
        await self.api.send("PATCH", path, report, token=self.token)
        return error

    async def _report_status(self, status: dict[str, Any]) -> None:
        uid = self.pod["metadata"]["uid"]
        await self.api.send("PATCH", f"{self.path}/status", {"metadata": {"uid": uid}, "status": status})


class Node:
    """Registers itself, follows the pods of its namespace and plays each of them.

    Args:
        api: The API server.
        directory: Gets a folder for each pod.
    """

    def __init__(self, api: Api, directory: Path) -> None:
        self.api = api
        self.directory = directory
        self.players: dict[str, Player] = {}

    async def register(self, port: int) -> None:
        """Create the Node object, ready, with the address of the kubelet's API.

        Args:
            port: Where exec requests are served.
        """
        await self.api.send("POST", "/api/v1/nodes", {"metadata": {"name": NODE}})
        status = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
        }
        await self.api.send("PATCH", f"/api/v1/nodes/{NODE}/status", {"status": status})

    async def exec(self, request: web.Request) -> web.Response:
        """Answer an exec: send the signal of ``argoexec kill``, refuse everything else.

        Argo asks for a stream and ignores any failure, so the answer can be a plain one.
        """
        words = request.query.getall("command", [])
        if len(words) != 4 or words[1] != "kill":  # argoexec kill <signal> 1
            return web.Response(status=HTTPStatus.NOT_IMPLEMENTED, text=f"no exec of {words}")
        for player in self.players.values():
            is_asked = player.pod["metadata"]["name"] == request.match_info["pod"]
            if is_asked and request.match_info["container"] == "main":
                log(f"{request.match_info['pod']}: signal {words[2]}")
                player.signal(int(words[2]))
        return web.Response(text="signalled")

    async def follow(self, group: asyncio.TaskGroup) -> None:
        """List and watch pods for ever; play them as tasks of a group."""
        while True:
            try:
                await self._list_and_watch(group)
            except (aiohttp.ClientError, TimeoutError) as error:
                log(f"watch: {error!r}")
                await asyncio.sleep(RETRY_SECONDS)

    async def _list_and_watch(self, group: asyncio.TaskGroup) -> None:
        pods = f"{self.api.core}/pods"
        found = await self.api.get(pods)
        present = {pod["metadata"]["uid"] for pod in found["items"]}
        for uid in self.players.keys() - present:
            self._forget(uid)
        for pod in found["items"]:
            self._see(pod, group)
        query = {
            "watch": "true",
            "resourceVersion": found["metadata"]["resourceVersion"],
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        async with self.api.session.get(pods, params=query, raise_for_status=True) as answer:
            async for line in answer.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return
                if event["type"] == "DELETED":
                    self._forget(event["object"]["metadata"]["uid"])
                else:
                    self._see(event["object"], group)

    def _see(self, pod: Pod, group: asyncio.TaskGroup) -> None:
        uid = pod["metadata"]["uid"]
        if player := self.players.get(uid):
            player.observe(pod)
        elif podplay.is_argo(pod) and not podplay.is_ended(pod):
            player = self.players[uid] = Player(self.api, pod, self.directory / uid)
            player.observe(pod)
            group.create_task(player.play())

    def _forget(self, uid: str) -> None:
        if player := self.players.pop(uid, None):
            player.end()


async def run(arguments: argparse.Namespace) -> None:
    """Be a node until SIGTERM."""
    settings = json.loads(arguments.kubeconfig.read_text())
    cluster = settings["clusters"][0]["cluster"]
    token = settings["users"][0]["user"]["token"]
    namespace = settings["contexts"][0]["context"]["namespace"]
    session = aiohttp.ClientSession(
        cluster["server"],
        headers={"Authorization": f"Bearer {token}"},
        connector=aiohttp.TCPConnector(
            ssl=ssl.create_default_context(cafile=cluster["certificate-authority"]), limit=0
        ),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=WATCH_SECONDS + 30),
        read_bufsize=LINE_BYTES,
    )
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with session:
        node = Node(Api(session, namespace=namespace, token=token), arguments.directory)
        application = web.Application()
        application.router.add_route("*", "/exec/{namespace}/{pod}/{container}", node.exec)
        runner = web.AppRunner(application)
        await runner.setup()
        try:
            tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            tls.load_cert_chain(arguments.certificates / "apiserver.crt", arguments.certificates / "apiserver.key")
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
            await node.register(runner.addresses[0][1])
            async with asyncio.TaskGroup() as group:
                await node.follow(group)
        finally:
            await runner.cleanup()


def main() -> None:
    """Read the command line and be a node."""
    parser = argparse.ArgumentParser(description="Play Argo's pods as local processes.")
    for option in ("kubeconfig", "directory", "certificates"):
        parser.add_argument(f"--{option}", type=Path, required=True)
    with suppress(asyncio.CancelledError):
        asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
