"""Notebooks made for a test."""

import json
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

KERNEL = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}


def write(path: Path, *sources: str, parameters: str | None = None, metadata: dict[str, Any] | None = None) -> Path:
    """Write a notebook of code cells; *parameters* is the source of a first cell that is tagged so."""
    tagged = [] if parameters is None else [new_code_cell(parameters, metadata={"tags": ["parameters"]})]
    cells = [*tagged, *(new_code_cell(source) for source in sources)]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=cells, metadata=KERNEL if metadata is None else metadata), path)
    return path


def read(path: Path) -> dict[str, Any]:
    """Return a notebook as it is in its file."""
    notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return notebook


def outputs_of(path: Path) -> str:
    """Return what the cells of a notebook printed, as one text."""
    outputs = (output for cell in read(path)["cells"] for output in cell.get("outputs", []))
    return "".join("".join(output.get("text", "")) for output in outputs)


PID_AND_WAIT = """
import os, pathlib, time
pathlib.Path("pid").write_text(str(os.getpid()))
time.sleep(600)
"""
"""A cell that says who runs it and then does not end by itself."""
