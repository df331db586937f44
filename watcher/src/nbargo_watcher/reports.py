"""Whom the projector tells what it does."""

from collections.abc import Callable
from dataclasses import dataclass

from nbargo_shared.errors import NbargoError
from nbargo_watcher.definitionrows import DefinitionChange
from nbargo_watcher.evidence import Change
from nbargo_watcher.model import Observed


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """Whom the projector tells what it does.

    Attributes:
        change: Told of every change of a job's row, once it is written (in a dry run: instead of writing it).
        definition: Told of every change of a definition's row, as `change` is.
        quarantined: Told of an object whose record is not valid, once for each of its versions.
    """

    change: Callable[[Change], None] = lambda _: None
    definition: Callable[[DefinitionChange], None] = lambda _: None
    quarantined: Callable[[Observed, NbargoError], None] = lambda *_: None
