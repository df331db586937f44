"""The watcher's program as in a pod, but for the place of the service account's files: `inpod.py FOLDER OPTIONS...`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from nbargo_watcher import cli, connection, parts


def main() -> int:
    """Run the program."""
    folder, *options = sys.argv[1:]
    # A pod has them at one path of the root, where a test must not write.
    parts.__dict__["connect"] = partial(connection.connect, folder=Path(folder))
    return cli.main(options)


if __name__ == "__main__":
    sys.exit(main())
