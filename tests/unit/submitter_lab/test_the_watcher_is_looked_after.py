import asyncio
import logging
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from jupyter_scheduler.exceptions import SchedulerError

from nbargo_shared.errors import DatabaseError
from nbargo_submitter import supervisor as module
from nbargo_submitter.supervisor import Mode, Supervisor
from support.lab_bench import Bench, request

OBEDIENT = """
import sys, pathlib
log = pathlib.Path({log!r}).open("a", buffering=1)
print("a line for the server's log", flush=True)
print("began", *sys.argv[1:], file=log)
if "--until-eof" in sys.argv:
    sys.stdin.read()
    print("eof", file=log)
"""
DYING = """
import sys, pathlib
print("died", *sys.argv[1:], file=pathlib.Path({log!r}).open("a"))
sys.exit(7)
"""
DEAF = """
import os, signal, sys, time, pathlib
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", os.getpid(), file=pathlib.Path({log!r}).open("a"))
time.sleep(600)
"""
TALKATIVE = """
import sys
sys.stdout.write("x" * 100_000 + "\\nlast")
"""


class Nursery:
    """Makes supervisors of small programs that note in a file what befalls them."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "noted"
        self.supervisors: list[Supervisor] = []
        self.heartbeat: Callable[[], bool] = lambda: False
        self.looks = 0

    def supervisor(self, mode: Mode, program: str) -> Supervisor:
        command = [sys.executable, "-c", program.format(log=str(self.file))]
        made = Supervisor(mode, command=command, is_alive=self._look, log=logging.getLogger("lab"))
        self.supervisors.append(made)
        return made

    def _look(self) -> bool:
        self.looks += 1
        return self.heartbeat()

    def noted(self) -> list[str]:
        return self.file.read_text().splitlines() if self.file.exists() else []


@pytest.fixture
async def nursery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Nursery]:
    monkeypatch.setattr(module, "START_DELAY", 0.0)
    nursery = Nursery(tmp_path)
    yield nursery
    for supervisor in nursery.supervisors:
        await supervisor.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - another process cannot set an event
            await asyncio.sleep(0.01)


async def test_without_a_heartbeat_a_child_runs_until_the_server_stops(
    nursery: Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lab")
    supervisor = nursery.supervisor(Mode.AUTO, OBEDIENT)
    supervisor.check_now()
    await until(lambda: nursery.noted() == ["began --until-eof"])
    await until(lambda: "watcher: a line for the server's log" in caplog.text)
    await supervisor.stop()
    assert nursery.noted() == ["began --until-eof", "eof"]


async def test_with_a_sidecars_heartbeat_no_child_is_started(nursery: Nursery) -> None:
    nursery.heartbeat = lambda: True
    supervisor = nursery.supervisor(Mode.AUTO, OBEDIENT)
    for looks in (1, 2, 3):
        supervisor.check_now()
        await until(lambda: nursery.looks >= looks)  # noqa: B023 - awaited in the same turn
    assert nursery.noted() == []


async def test_a_heartbeat_that_cannot_be_read_starts_no_child(nursery: Nursery) -> None:
    def locked() -> bool:
        raise DatabaseError("locked")

    nursery.heartbeat = locked
    supervisor = nursery.supervisor(Mode.AUTO, OBEDIENT)
    for looks in (1, 2):
        supervisor.check_now()
        await until(lambda: nursery.looks >= looks)  # noqa: B023 - as above
    assert nursery.noted() == []


async def test_a_heartbeat_that_stops_starts_a_child(nursery: Nursery) -> None:
    nursery.heartbeat = lambda: True
    supervisor = nursery.supervisor(Mode.AUTO, OBEDIENT)
    supervisor.check_now()
    await until(lambda: nursery.looks >= 1)
    nursery.heartbeat = lambda: False
    supervisor.check_now()
    await until(lambda: nursery.noted() == ["began --until-eof"])


async def test_a_row_that_did_not_come_starts_a_child_whatever_the_heartbeat_says(nursery: Nursery) -> None:
    nursery.heartbeat = lambda: True
    nursery.supervisor(Mode.AUTO, OBEDIENT).doubt()
    await until(lambda: nursery.noted() == ["began --until-eof"])


async def test_a_submission_right_after_the_start_leaves_a_sidecar_time_for_its_first_heartbeat(
    nursery: Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "START_DELAY", 600.0)
    supervisor = nursery.supervisor(Mode.AUTO, OBEDIENT)
    supervisor.check_now()
    assert await supervisor.run_once()  # time enough for a child to begin
    assert (nursery.looks, nursery.noted()) == (0, ["began --once"])
    supervisor.doubt()
    await until(lambda: nursery.noted() == ["began --once", "began --until-eof"])


async def test_mode_child_does_not_ask_for_a_heartbeat(nursery: Nursery) -> None:
    nursery.heartbeat = lambda: True
    nursery.supervisor(Mode.CHILD, OBEDIENT).check_now()
    await until(lambda: nursery.noted() == ["began --until-eof"])
    assert nursery.looks == 0


async def test_mode_sidecar_never_starts_a_child(nursery: Nursery) -> None:
    supervisor = nursery.supervisor(Mode.SIDECAR, OBEDIENT)
    supervisor.start()
    supervisor.doubt()
    assert await supervisor.run_once()  # time enough for a child to begin
    assert nursery.noted() == ["began --once"]


async def test_a_child_that_dies_is_started_again_later_and_at_once_when_a_job_is_submitted(
    nursery: Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor = nursery.supervisor(Mode.AUTO, DYING)
    supervisor.check_now()
    for times in (1, 2, 3):
        await until(lambda: caplog.text.count("ended with status 7") >= times)  # noqa: B023 - as above
        assert len(nursery.noted()) == times
        supervisor.check_now()
    waits = [float(record.args[1]) for record in caplog.records if "ended" in record.msg]  # type: ignore[index,arg-type]
    assert waits == sorted(set(waits))  # each longer than the one before


async def test_a_child_that_does_not_hear_is_killed(nursery: Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_STOP_SECONDS", 0.05)
    supervisor = nursery.supervisor(Mode.CHILD, DEAF)
    supervisor.check_now()
    await until(lambda: len(nursery.noted()) == 1)
    await supervisor.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(int(nursery.noted()[0].split()[1]), 0)


async def test_once_tells_whether_it_did_its_work(nursery: Nursery, caplog: pytest.LogCaptureFixture) -> None:
    assert not await nursery.supervisor(Mode.SIDECAR, DYING).run_once()
    assert nursery.noted() == ["died --once"]
    assert "ended with status 7" in caplog.text


async def test_once_does_not_take_for_ever(
    nursery: Nursery, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_STOP_SECONDS", 0.05)
    monkeypatch.setattr(module, "ONCE_SECONDS", 0.5)
    assert not await nursery.supervisor(Mode.SIDECAR, DEAF).run_once()
    assert "did not end within 0.5 s" in caplog.text


async def test_output_without_line_ends_is_logged_in_pieces(nursery: Nursery, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "lab")
    assert await nursery.supervisor(Mode.SIDECAR, TALKATIVE).run_once()
    said = [record.getMessage().removeprefix("watcher: ") for record in caplog.records]
    assert ("".join(said), said[-1]) == ("x" * 100_000 + "last", "last")


async def test_a_program_that_is_not_there_is_told(caplog: pytest.LogCaptureFixture) -> None:
    supervisor = Supervisor(
        Mode.SIDECAR, command=["/no/such/file"], is_alive=lambda: True, log=logging.getLogger("lab")
    )
    assert not await supervisor.run_once()
    assert "cannot be started" in caplog.text


SERVER = """
import asyncio, logging, sys
from nbargo_submitter.supervisor import Mode, Supervisor

async def main():
    program = sys.argv[1]
    Supervisor(Mode.CHILD, command=[sys.executable, "-c", program], is_alive=bool, log=logging.getLogger()).check_now()
    await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_the_child_ends_with_a_server_that_was_killed(nursery: Nursery) -> None:
    program = OBEDIENT.format(log=str(nursery.file))
    server = subprocess.Popen([sys.executable, "-c", textwrap.dedent(SERVER), program])  # noqa: ASYNC220 - returns at once
    await until(lambda: nursery.noted() == ["began --until-eof"])
    server.send_signal(signal.SIGKILL)
    await asyncio.to_thread(server.wait)
    await until(lambda: nursery.noted() == ["began --until-eof", "eof"])


async def test_a_job_is_listed_by_the_real_watcher_when_none_runs(bench: Bench) -> None:
    bench.notebook()
    bench.projecting = False
    job_id = await bench.scheduler(wait_seconds=0.0).create_job(request())
    assert bench.row_ids() == [job_id]


async def test_the_real_watcher_as_a_child_lists_a_job_and_leaves_its_heartbeat(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "START_DELAY", 0.0)
    bench.notebook()
    bench.projecting = False
    scheduler = bench.scheduler(watcher="auto", wait_seconds=30.0)
    job_id = await scheduler.create_job(request())
    assert bench.row_ids() == [job_id]
    await until(scheduler.rows.watcher_is_alive)


async def test_a_database_that_is_no_file_keeps_the_scheduler_alive(bench: Bench) -> None:
    bench.db_url = "sqlite://"
    scheduler = bench.scheduler(watcher="child")
    scheduler.start()
    with pytest.raises(SchedulerError):
        await scheduler.get_job("a-b")


@pytest.mark.parametrize(("said", "taken"), [("child", "child"), ("", "auto"), ("rubbish", "auto")])
def test_the_variable_sets_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str, taken: str) -> None:
    monkeypatch.setenv("NBARGO_WATCHER", said)
    assert Bench(tmp_path / "x").scheduler(watcher=None).watcher == taken
