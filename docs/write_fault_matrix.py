"""Write the fault matrix of docs/reliability.md: what the watcher costs and how it recovers, fault by fault.

Run: make fault-matrix. It takes a minute or two, of ten minutes' play for each fault on a clock that jumps.
"""

import asyncio
import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Final

from nbargo_local.faults.answers import expired
from nbargo_local.faults.plan import Fault, Verb
from support.faulty import faulty

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs" / "reliability.md"
START: Final = "<!-- matrix: written by `make fault-matrix` -->\n"
END: Final = "<!-- end of matrix -->\n"
LASTS: Final = 600
HEALS_WITHIN: Final = 60


def table_of_faults() -> ModuleType:
    """Return the module that holds the faults: the test of P12."""
    path = next((ROOT / "tests" / "faults").glob("test_p12_*.py"))
    spec = importlib.util.spec_from_file_location("faults_of_p12", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def play(verb: Verb, fault: Fault) -> tuple[int, float, float]:
    """Return the requests of the worst minute and of the average one, and the seconds until the rows were true."""
    async with faulty() as it:
        it.run(0)
        await it.following()
        it.plan.add(verb, fault)
        if verb == "list":
            it.plan.add("watch", expired())
        before = len(it.plan.asked)
        it.plan.cut()
        await it.clock.run(LASTS)
        worst, asked = it.plan.busiest(60), len(it.plan.asked) - before
        it.jobs.do("succeed", 0)
        it.plan.heal()
        it.plan.cut()
        return worst, asked * 60 / LASTS, await it.true(within=HEALS_WITHIN)


def rows(verb: Verb, title: str, faults: Mapping[str, Fault]) -> Iterator[str]:
    """Yield the lines of one table."""
    yield f"| {title} | worst minute | a minute | rows true after, s |"
    yield "|---|---|---|---|"
    for name, fault in faults.items():
        worst, average, seconds = asyncio.run(play(verb, fault))
        yield f"| {name.removeprefix('list: ')} | {worst} | {average:.1f} | {seconds:.0f} |"


def page() -> str:
    """Return docs/reliability.md with the tables as they come out now."""
    faults = table_of_faults()
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    watches = "\n".join(rows("watch", "fault of every watch", faults.WATCHES))
    lists = "\n".join(rows("list", "fault of every list, after a 410", faults.LISTS))
    return f"{before}{START}{watches}\n\n{lists}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
