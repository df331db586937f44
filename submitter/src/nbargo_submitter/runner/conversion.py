"""Making the other formats of the notebook that ran."""

from __future__ import annotations

from pathlib import Path

from .files import write_whole
from .packages import load
from .run import LOG, Run


def convert(run: Run, name: str, file_name: str) -> None:
    """Write one format beside the notebook, with the files that it refers to."""
    exporter = load("nbconvert").get_exporter(name)()
    notebook = load("nbformat").read(str(run.executed), as_version=4)
    resources = {"metadata": {"name": run.input.stem}, "output_files_dir": f"{Path(file_name).stem}_files"}
    content, resources = exporter.from_notebook_node(notebook, resources)
    for path, data in (resources.get("outputs") or {}).items():
        target = run.directory / path
        target.parent.mkdir(exist_ok=True)  # one level, so the job's directory is never made again
        write_whole(target, data)
    write_whole(run.directory / file_name, content if isinstance(content, bytes) else content.encode("utf-8"))
    run.outputs[name] = file_name
    LOG.info("Wrote %s: %s", name, file_name)
