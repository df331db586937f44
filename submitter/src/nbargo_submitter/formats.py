"""The output formats: what a user reads in the form, and how the file is called.

A format's name is what nbconvert calls its exporter (with `ipynb` for the notebook itself, as jupyter-scheduler has
it, and `log` for what the run prints, which the runner writes by itself). Only those are offered that need no program
beside nbconvert: rst, asciidoc and latex need pandoc, pdf needs TeX, webpdf a browser. An operator whose image has them
may offer them with an environment.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from jupyter_scheduler.utils import create_output_filename

from nbargo_shared import run


@dataclass(frozen=True, slots=True)
class Format:
    """One output format.

    Attributes:
        label: What the form calls it.
        extension: The file's extension, without a dot.
    """

    label: str
    extension: str


FORMATS: Final[Mapping[str, Format]] = {
    "ipynb": Format("Notebook", "ipynb"),
    "html": Format("HTML", "html"),
    "markdown": Format("Markdown", "md"),
    "python": Format("Python script", "py"),
    "slides": Format("Slides (reveal.js)", "slides.html"),
    "latex": Format("LaTeX", "tex"),
    "rst": Format("reStructuredText", "rst"),
    "asciidoc": Format("AsciiDoc", "asciidoc"),
    "pdf": Format("PDF (through LaTeX)", "pdf"),
    "webpdf": Format("PDF (through a browser)", "web.pdf"),
    "log": Format("Log", "log"),
}
DEFAULT_FORMATS: Final = ("ipynb", "html", "markdown", "python", "log")
KEPT: Final = ("ipynb", "log")
"""What every run makes, and leaves if it fails or is stopped, also when nobody asked for it."""


def label(name: str) -> str:
    """Return what the form calls a format; a format that is not known is called by its name."""
    return FORMATS[name].label if name in FORMATS else name


def made(names: Iterable[str]) -> tuple[str, ...]:
    """Return the formats that a run makes: those that were asked for, and those that every run makes.

    Args:
        names: The formats that were asked for.
    """
    return tuple(dict.fromkeys((*names, *KEPT)))


def file_names(
    input_filename: str, *, create_time: int, names: Iterable[str], definition_id: str | None = None
) -> dict[str, str]:
    """Return the file name of each of a job's output formats, by format.

    Args:
        input_filename: The notebook's file name.
        create_time: When the job was created, milliseconds since 1970. It is written in the lab's time zone, as
            jupyter-scheduler does, but in UTC for the runs of a definition, whoever started them.
        names: The formats.
        definition_id: The definition that the job belongs to, if any.
    """
    if definition_id:
        found = patterns(input_filename, names=names)
        return {name: run.file_name(pattern, created_ms=create_time) for name, pattern in found.items()}
    stem = create_output_filename(input_filename, create_time)
    return {name: f"{stem}.{_extension(name)}" for name in names}


def patterns(input_filename: str, *, names: Iterable[str]) -> dict[str, str]:
    """Return the pattern of the file names of a definition's runs, by format.

    Args:
        input_filename: The notebook's file name.
        names: The formats.
    """
    stem = os.path.splitext(input_filename)[0]  # noqa: PTH122 - as jupyter-scheduler does it
    return {name: f"{stem}-{run.TIME}.{_extension(name)}" for name in names}


def _extension(name: str) -> str:
    return FORMATS[name].extension if name in FORMATS else name
