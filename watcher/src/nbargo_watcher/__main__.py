"""`python -m nbargo_watcher` is `watcher`."""

import sys

from nbargo_watcher.cli import main

if __name__ == "__main__":
    sys.exit(main())
