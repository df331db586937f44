"""The errors that nbargo raises, one small tree.

    NbargoError                     what went wrong, a hint, and whether waiting may mend it
    +-- InputError                  what the user or caller gave is not usable
    |   +-- RecordError             a job record (annotation, outcome file) is not valid
    +-- ConfigError                 a setting or a file of the installation is wrong
    +-- ClusterError                the Kubernetes API did not do what it was asked
    |   +-- ClusterUnreachableError nobody answered
    |   +-- ClusterRefusedError     401 or 403: who we are, or what we may do
    |   +-- ClusterConflictError    409: it exists already, or changed meanwhile
    |   +-- ClusterMissingError     404: it is not there
    +-- DatabaseError               scheduler.sqlite cannot be used now
    |   +-- SchemaError             it is not a database that we know
    +-- FilesError                  files could not be staged, copied or removed

There is one tree so that the lab can turn each of them into one sentence for the user, and the watcher can decide
between waiting and stopping without knowing which library failed. The original error is always chained.
"""


class NbargoError(Exception):
    """Something nbargo could not do, said for the person who reads it.

    Args:
        message: What happened, in one sentence, without a full stop at the end.
        hint: What that person can check or do, in one sentence.
        transient: Whether the same call may succeed later with nothing changed by us.
    """

    default_hint = ""
    default_transient = False

    def __init__(self, message: str, *, hint: str = "", transient: bool | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.default_hint
        self.transient = self.default_transient if transient is None else transient

    def __str__(self) -> str:
        """Return the sentence for a user: the message, and the hint if there is one."""
        return f"{self.message}. {self.hint}" if self.hint else self.message


class InputError(NbargoError):
    """What the user or the caller gave is not usable."""


class RecordError(InputError):
    """A job record or an outcome file is not valid."""

    default_hint = "It was not written by nbargo, or by a newer version of it."


class ConfigError(NbargoError):
    """A setting, or a file of the installation, is wrong."""


class ClusterError(NbargoError):
    """The Kubernetes API did not do what it was asked to.

    Args:
        message: As for NbargoError.
        hint: As for NbargoError.
        transient: As for NbargoError.
        status: The HTTP status of the answer; 0 when there was none.
    """

    def __init__(self, message: str, *, hint: str = "", transient: bool | None = None, status: int = 0) -> None:
        super().__init__(message, hint=hint, transient=transient)
        self.status = status


class ClusterUnreachableError(ClusterError):
    """Nobody answered at the address of the Kubernetes API."""

    default_hint = (
        "Check that the cluster is up, that the kubeconfig or the pod's service account names it, "
        "and that a network policy lets this server reach it"
    )
    default_transient = True


class ClusterRefusedError(ClusterError):
    """The Kubernetes API refused: 401, or 403."""

    default_hint = "Ask the administrator whether your service account may use workflows in this namespace"


class ClusterConflictError(ClusterError):
    """The object exists already, or somebody changed it meanwhile: 409."""


class ClusterMissingError(ClusterError):
    """The object, or the resource itself, is not there: 404."""


class DatabaseError(NbargoError):
    """scheduler.sqlite cannot be read or written now."""

    default_transient = True


class SchemaError(DatabaseError):
    """The database does not have the tables that this version knows."""

    default_hint = "Start JupyterLab with jupyter-scheduler 2.12 once: it creates and updates its tables"
    default_transient = False


class FilesError(NbargoError):
    """Files could not be staged, copied or removed."""
