"""Write the layer table of CONTRIBUTING.md: every module with the first sentence of its docstring.

Run: make docs. A unit test fails when the table is out of date.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "CONTRIBUTING.md"
START = "<!-- layers: written by `make docs` -->\n"
END = "<!-- end of layers -->\n"
MEMBERS = ("shared", "submitter", "watcher", "local")


def first_sentence(module: Path) -> str:
    """Return the first paragraph of a module's docstring, on one line."""
    text = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split()).replace("|", "\\|")


def rows() -> Iterator[str]:
    """Yield the table's lines, member by member."""
    yield "| file | responsibility |"
    yield "|---|---|"
    for member in MEMBERS:
        package = ROOT / member / "src" / f"nbargo_{member}"
        yield f"| **{member}/** | **{first_sentence(package / '__init__.py')}** |"
        for module in sorted(package.rglob("*.py"), key=lambda path: (path.parent, path.name)):
            name = module.relative_to(package)
            if name.name == "__init__.py" and name.parent == Path():
                continue
            shown = f"{name.parent}/" if name.name == "__init__.py" else str(name)
            yield f"| {shown} | {first_sentence(module)} |"


def page() -> str:
    """Return CONTRIBUTING.md with the table as it should be."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    table = "\n".join(rows())
    return f"{before}{START}{table}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
