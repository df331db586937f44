"""The statements by which the rows of one of jupyter-scheduler's tables are read and written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from nbargo_shared.record import JobRecord
from nbargo_shared.tables import PROJECTED_TABLE
from nbargo_watcher.definitionrows import DefinitionRow, definition_columns
from nbargo_watcher.rows import IS_LIVE, Projected, Row, columns

R = TypeVar("R")
Known = tuple[R | None, Projected | None]
"""A row and what is remembered of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Generic[R]):
    """One table whose rows are projected.

    Attributes:
        name: Its name.
        fields: The columns of a row that are read, the key first; an update writes all others.
        columns: All columns, in the order in which they are inserted.
        live: A condition that holds for rows of which something is still expected, besides what is remembered.
        make: Makes a row of the fields' values.
        load: Reads rows and memories by a JSON list of keys, after the database's version and the key.
        pages: Reads key and uid of live rows of a scope.
        insert: Writes a new row.
        update: Writes the fields of a row.
        delete: Removes a row.
    """

    name: str
    fields: tuple[str, ...]
    columns: tuple[str, ...]
    live: str
    make: Callable[..., R]
    load: str = field(init=False)
    pages: str = field(init=False)
    insert: str = field(init=False)
    update: str = field(init=False)
    delete: str = field(init=False)

    def __post_init__(self) -> None:
        """Write the statements, of constants of this package alone."""
        key, fields = self.fields[0], self.fields
        texts = {
            "load": f"""
                SELECT (SELECT data_version FROM pragma_data_version), wanted.value,
                    {", ".join(f"j.{name}" for name in fields)}, {", ".join(f"p.{n}" for n in Projected._fields)}
                FROM json_each(?) AS wanted
                LEFT JOIN {self.name} AS j ON j.{key} = wanted.value
                LEFT JOIN {PROJECTED_TABLE} AS p ON p.job_id = wanted.value""",  # noqa: S608
            "pages": f"""
                SELECT p.job_id, p.uid FROM {PROJECTED_TABLE} AS p JOIN {self.name} AS j ON j.{key} = p.job_id
                WHERE p.scope = ? AND p.job_id > ? AND p.{IS_LIVE} AND {self.live}
                ORDER BY p.job_id LIMIT ?""",  # noqa: S608
            "insert": f"INSERT INTO {self.name} ({', '.join(self.columns)}) VALUES ({marks(self.columns)})",  # noqa: S608
            "update": f"UPDATE {self.name} SET {', '.join(f'{name} = ?' for name in fields[1:])} WHERE {key} = ?",  # noqa: S608
            "delete": f"DELETE FROM {self.name} WHERE {key} = ?",  # noqa: S608
        }
        for name, text in texts.items():
            object.__setattr__(self, name, text)

    def known(self, row: Sequence[Any]) -> Known[R]:
        """Return the row and the memory of it that `load` found."""
        split = 2 + len(self.fields)
        stored = self.make(*row[2:split]) if row[2] is not None else None
        return stored, Projected(*row[split:]) if row[split] is not None else None


def marks(names: Sequence[str]) -> str:
    """Return as many question marks as there are names."""
    return ", ".join("?" * len(names))


_SAMPLE: Final = JobRecord(job_id="", name="", input_filename="", runtime_environment_name="", create_time=0)

JOBS: Final = Table(
    name="jobs",
    fields=Row._fields,
    columns=tuple(columns(Row("", *([None] * (len(Row._fields) - 1))), _SAMPLE)),
    live=f"j.{IS_LIVE}",
    make=Row,
)
DEFINITIONS: Final = Table(
    name="job_definitions",
    fields=DefinitionRow._fields,
    columns=tuple(definition_columns(DefinitionRow("", *([None] * (len(DefinitionRow._fields) - 1))), create_time=0)),
    live="TRUE",
    make=DefinitionRow,
)
TABLES: Final[tuple[Table[Any], ...]] = (JOBS, DEFINITIONS)
