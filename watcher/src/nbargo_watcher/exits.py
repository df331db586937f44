"""Exit statuses of the watcher, and which error leads to which."""

from enum import IntEnum

from nbargo_shared.errors import ClusterError, ConfigError, DatabaseError, InputError, NbargoError


class Exit(IntEnum):
    """Exit statuses."""

    OK = 0
    UNHEALTHY = 1
    """`--check`: no watcher runs, or it cannot do its work."""
    USAGE = 2
    """The command line or the configuration is wrong."""
    CLUSTER = 3
    """The Kubernetes API could not be read."""
    DATABASE = 4
    """scheduler.sqlite could not be read or written."""
    PARTLY = 5
    """The rest is done: objects were set aside, or jobs are left whose end could not be found out yet."""


def status_of(error: NbargoError) -> Exit:
    """Return the exit status for an error that ended a run."""
    if isinstance(error, ClusterError):
        return Exit.CLUSTER
    if isinstance(error, DatabaseError):
        return Exit.DATABASE
    return Exit.USAGE if isinstance(error, ConfigError | InputError) else Exit.PARTLY
