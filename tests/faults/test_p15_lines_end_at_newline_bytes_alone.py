"""P15: a watch is cut into lines at the byte 0x0A alone, whatever the chunks, the characters and the size."""

import json
from collections.abc import Iterable

import pytest

from nbargo_local.faults.streams import End, line, reshaped, says
from support.faulty import Faulty, faulty
from support.jobs import stamp

MESSAGE = "next\u0085line, line\u2028separator, paragraph\u2029separator, form\ffeed, grin \U0001f600, grüße"
MIB = 1024 * 1024
LONGEST = 4 * MIB


def _fail(it: Faulty, number: int) -> None:
    """End a run as a pod does that could not say why, with Argo's message."""
    ended = {"phase": "Failed", "message": MESSAGE, "finishedAt": stamp(it.jobs.now)}
    it.jobs._patch(it.jobs.jobs[number], {"status": ended})


def _unescaped(right: bytes) -> bytes:
    return json.dumps(json.loads(right), ensure_ascii=False).encode() + b"\n"


def _bytewise(right: bytes) -> Iterable[bytes]:
    return (bytes([byte]) for byte in _unescaped(right))


async def test_a_chunk_may_end_at_every_byte() -> None:
    async with faulty() as it:
        it.run(0)
        it.plan.add("watch", reshaped(_bytewise))
        follower = await it.following()
        watches = it.watches
        _fail(it, 0)
        await it.true(within=20)
        assert it.scene.sql("SELECT status_message FROM jobs") == [(MESSAGE,)]
        assert (it.watches, follower.telemetry.quarantined) == (watches, 0)


async def test_several_lines_and_a_half_may_be_in_a_chunk() -> None:
    held = bytearray()

    def by_the_thousand(right: bytes) -> Iterable[bytes]:
        held.extend(_unescaped(right))
        while len(held) >= 1000:
            yield bytes(held[:1000])
            del held[:1000]

    async with faulty() as it:
        it.run(*range(5))
        it.plan.add("watch", reshaped(by_the_thousand), resource="workflows")
        await it.following()
        for number in range(5):
            _fail(it, number)
        for _ in range(3):
            it.jobs.do("touch", 0)  # pushes out what is held back
        await it.true(within=20)


@pytest.mark.parametrize("size", [300 * 1024, 2 * MIB, LONGEST])
async def test_a_line_may_be_long(size: int) -> None:
    def padded(right: bytes) -> Iterable[bytes]:
        told = json.loads(right)
        if told["type"] == "BOOKMARK":
            return (right,)
        told["object"]["metadata"]["padding"] = ""
        told["object"]["metadata"]["padding"] = "x" * (size - len(line(told["type"], told["object"])) + 1)
        return (line(told["type"], told["object"]),)

    async with faulty() as it:
        it.run(0)
        it.plan.add("watch", reshaped(padded))
        follower = await it.following()
        watches = it.watches
        it.jobs.do("succeed", 0)
        await it.true(within=20)
        assert (it.watches, follower.telemetry.events) == (watches, 1)


@pytest.mark.parametrize("end", [End.CLOSE, End.RESET])
async def test_a_last_line_without_its_end_is_not_believed(end: End) -> None:
    """The line is whole as JSON: only its newline is missing, and so nobody knows that it is all."""
    async with faulty() as it:
        it.run(0)
        follower = await it.following()
        body = it.jobs.jobs[0].last.body
        lie = body | {"status": body["status"] | {"phase": "Succeeded"}}
        lie["metadata"] = body["metadata"] | {"resourceVersion": "4000"}
        before = it.watches
        it.plan.add("watch", says(line("MODIFIED", lie)[:-1], end=end), times=3, resource="workflows")
        it.plan.cut()
        await it.clock.until(lambda: it.watches >= before + 4, within=60)
        assert it.status(0) == "IN_PROGRESS"
        assert {asked.version for asked in it.plan.of("watch", "workflows")} == {body["metadata"]["resourceVersion"]}
        assert follower.telemetry.events == 0
        it.jobs.do("fail", 0)
        await it.true(within=35)
