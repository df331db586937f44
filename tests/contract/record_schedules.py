"""Record robfig/cron's answers about schedules, which needs Go: `python tests/contract/record_schedules.py`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from cluster.build import build
from contract import schedules

if __name__ == "__main__":
    schedules.write(schedules.ask(build().program("cronanswers")))
