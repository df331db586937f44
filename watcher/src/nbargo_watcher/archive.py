"""Argo's workflow archive, asked through argo-server's REST interface about one workflow at a time.

A workflow that has ended is archived before the controller deletes it, if Argo has a database for that; one that was
deleted while it ran never is (argo-workflows#13658). So "not archived" is an answer, and everything else that is not a
workflow is a failure: nothing follows from it, and the question is put again later.
"""

import ssl
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import quote

import aiohttp
import anyio
import msgspec

from nbargo_shared.errors import ClusterError, ConfigError
from nbargo_watcher import faults
from nbargo_watcher.budget import Budget
from nbargo_watcher.connection import Connection, Credentials
from nbargo_watcher.decode import Decoder, Poison
from nbargo_watcher.faults import Fault, FaultError, What
from nbargo_watcher.model import Observed
from nbargo_watcher.resources import WORKFLOWS
from nbargo_watcher.source import Timing
from nbargo_watcher.telemetry import Telemetry
from nbargo_watcher.wire import StatusObject

MOST_BYTES: Final = 16 * 1024 * 1024
"""Bytes of an answer. A workflow in etcd has 1 MiB at most; the archive keeps the nodes of one that was offloaded."""
HINT: Final = "Check --archive, and that its token may get workflows"
_PATH: Final = "/api/v1/archived-workflows/"
_NOT_FOUND: Final = 5
"""gRPC's code, which argo-server puts beside HTTP's 404 (server/workflowarchive/archived_workflow_server.go). An
ingress that does not know the path answers 404 without it."""
_DISABLED: Final = "archived workflows not supported"
"""What an argo-server without a database says, as an internal error (persist/sqldb/null_workflow_archive.go)."""
_PART: Final = "archive"


class Files:
    """Reads the archive's own token and CA; files that are mounted into a pod may change.

    Args:
        token: Path of a file with a bearer token; "" if the cluster's credentials are to be used.
        ca: Path of a file with the CA certificates of argo-server; "" for the system's.
    """

    def __init__(self, *, token: str, ca: str) -> None:
        self._token = token
        self._ca = ca
        self._tls: ssl.SSLContext | None = None
        self._tls_from = ""

    def __call__(self, *, anew: bool) -> Credentials:
        """Return what the files hold now."""
        del anew  # they are read each time
        token = _text(self._token).strip().removeprefix("Bearer ") if self._token else ""
        if self._ca and (certificates := _text(self._ca)) != self._tls_from:
            self._tls, self._tls_from = _trusting(certificates, self._ca), certificates
        return Credentials(authorization=f"Bearer {token}" if token else "", tls=self._tls)


class Archive:
    """The archive behind one argo-server.

    Args:
        session: The HTTP session of the process.
        place: Address and own credentials of argo-server.
        cluster: The Kubernetes API, whose credentials serve where argo-server has none of its own: it accepts the same
            tokens (`--auth-mode=client`, its default).
        user: Value of the user label; another user's workflow is none.
        budget: What the process may still ask.
        timing: Deadlines.
        telemetry: Where it is said that the archive does not answer.
    """

    def __init__(  # noqa: PLR0913 - its collaborators, all by name
        self,
        *,
        session: aiohttp.ClientSession,
        place: Connection,
        cluster: Connection,
        user: str,
        budget: Budget,
        timing: Timing,
        telemetry: Telemetry,
    ) -> None:
        self._session = session
        self._place = place
        self._cluster = cluster
        self._user = user
        self._budget = budget
        self._timing = timing
        self._telemetry = telemetry
        self._decoder = Decoder(kind=WORKFLOWS.kind, namespace="")

    async def find(self, uid: str) -> Observed | None:
        """Return the archived workflow with a uid, or None if there is none of this user's.

        Args:
            uid: The workflow's uid.

        Raises:
            ClusterError: The archive did not answer, which says nothing about the workflow. Always transient.
        """
        await self._budget.acquire()
        try:
            with anyio.fail_after(self._timing.listing):
                found = await self._ask(uid)
        except (FaultError, ConfigError, aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
            raise self._failed(error) from error
        self._telemetry.degrade(_PART, "")
        return found if found and (found.uid, found.user) == (uid, self._user) else None

    async def _ask(self, uid: str) -> Observed | None:
        credentials = await self._credentials()
        async with self._session.get(
            self._place.url + _PATH + quote(uid, safe=""),
            headers={"Authorization": credentials.authorization} if credentials.authorization else {},
            ssl=credentials.tls or True,
            allow_redirects=False,  # the token is for this address
        ) as answer:
            body = await _read(answer, most=MOST_BYTES)
            if answer.status != HTTPStatus.OK:
                self._check(answer, body)
                return None
        found = self._decoder.object(body)
        if isinstance(found, Poison):
            raise FaultError(Fault(what=What.GARBLED, message=found.why))
        return found

    def _check(self, answer: aiohttp.ClientResponse, body: bytearray) -> None:
        """Accept an answer that says that there is no such workflow.

        Raises:
            FaultError: It says anything else.
        """
        said = _said(body)
        if (answer.status, said.code) == (HTTPStatus.NOT_FOUND, _NOT_FOUND) or _DISABLED in (said.message or ""):
            return
        fault = faults.of_answer(answer.status, headers=answer.headers, body=bytes(body))
        if fault.what is What.UNAUTHORISED:
            self._place.reject()
            self._cluster.reject()
        raise FaultError(fault)

    async def _credentials(self) -> Credentials:
        own = await self._place.credentials()
        if own.authorization:
            return own
        return replace(own, authorization=(await self._cluster.credentials()).authorization)

    def _failed(self, error: Exception) -> ClusterError:
        text = str(error) or f"no answer within {self._timing.listing:g} s"
        self._telemetry.retries[_PART] += 1
        self._telemetry.degrade(_PART, text[:256])
        return ClusterError(f"Argo's archive at {self._place.url} did not answer ({text})", hint=HINT, transient=True)


async def _read(answer: aiohttp.ClientResponse, *, most: int) -> bytearray:
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > most:
            raise FaultError(Fault(what=What.GARBLED, message=f"the answer has more than {most} bytes"))
    return body


def _said(body: bytearray) -> StatusObject:
    """Return what a refusal says; argo-server's members code and message are those of a Status."""
    try:
        return msgspec.json.decode(body, type=StatusObject)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return StatusObject()


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise ConfigError(f"The file {path} for Argo's archive cannot be read ({error})") from error


def _trusting(certificates: str, path: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cadata=certificates)
    except (ssl.SSLError, ValueError) as error:
        raise ConfigError(f"The file {path} does not hold CA certificates") from error
