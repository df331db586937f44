import errno
import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nbargo_shared.errors import FilesError
from nbargo_submitter import copying
from nbargo_submitter.copying import Course
from nbargo_submitter.limits import Limits
from nbargo_submitter.staging import Input, Staging

ID = "6b1d1d6a-0000-4000-8000-000000000000"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class Work:
    """A notebook's folder, and a staging area whose log is kept."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "work"
        self.folder.mkdir()
        self.notebook = self.folder / "x.ipynb"
        self.notebook.write_text("{}")
        self.told: list[str] = []
        self.staging = Staging(str(root / "staging"), tell=self.told.append)
        self.target = self.staging.folder(ID)

    def stage(self, *, cancelled: threading.Event | None = None) -> None:
        given = Input(notebook=self.notebook, name="x.ipynb", with_folder=True)
        self.staging.fill(self.target, given, cancelled=cancelled)

    def left(self) -> list[str]:
        return names(self.staging.root) if self.staging.root.exists() else []


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(tmp_path)


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Let something happen whenever a piece of a file was copied."""

    def put(act: Callable[[], Any]) -> None:
        copy = os.copy_file_range

        def copy_and_act(*args: Any) -> int:
            moved = copy(*args)
            act()
            return moved

        monkeypatch.setattr(os, "copy_file_range", copy_and_act)

    return put


def test_thousands_of_files_arrive_as_they_are(work: Work) -> None:
    for number in range(2_000):
        path = work.folder / f"part {number % 20}" / f"{number}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"row {number}" * (number % 7))
    work.stage()
    there = {path.relative_to(work.folder): path for path in work.folder.rglob("*") if path.is_file()}
    copied = {path.relative_to(work.target): path for path in work.target.rglob("*") if path.is_file()}
    assert len(copied) == 2_001
    assert copied.keys() == there.keys()
    assert all(copied[name].read_bytes() == path.read_bytes() for name, path in there.items())


def refused(number: int) -> Callable[..., int]:
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.mark.parametrize(
    "answer",
    [*map(refused, (errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)), lambda *_: 0],
    ids=["other file system", "old kernel", "not supported", "invalid", "says that it is the end"],
)
def test_files_arrive_where_the_kernel_cannot_copy_them(
    work: Work, monkeypatch: pytest.MonkeyPatch, answer: Callable[..., int]
) -> None:
    data = os.urandom(3 * 1024 * 1024 + 1)
    (work.folder / "data.bin").write_bytes(data)
    monkeypatch.setattr(os, "copy_file_range", answer)
    work.stage()
    assert (work.target / "data.bin").read_bytes() == data


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "No space left on device. Free some space in your home, for example by deleting old jobs"),
        (errno.EDQUOT, "Disk quota exceeded. Free some space in your home, for example by deleting old jobs"),
    ],
)
def test_a_full_volume_is_told_and_nothing_stays(
    work: Work, monkeypatch: pytest.MonkeyPatch, number: int, advice: str
) -> None:
    (work.folder / "data.csv").write_text("1")
    monkeypatch.setattr(os, "copy_file_range", refused(number))
    with pytest.raises(FilesError) as told:
        work.stage()
    path = rf"{re.escape(str(work.folder))}/(data\.csv|x\.ipynb)"
    assert re.fullmatch(rf"A file cannot be copied for the job: {path}: {re.escape(advice)}", str(told.value))
    assert work.left() == []


def test_the_first_error_is_told_not_what_comes_of_it(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large file is on its way when a small one fails; the large one is given up, and is not the reason."""
    large, begun = work.folder / "a large.bin", threading.Event()
    large.write_bytes(b"1" * 1_000_000)
    (work.folder / "b.csv").write_text("1")
    copy = os.copy_file_range

    def play(source: int, target: int, _size: int) -> int:
        if os.fstat(source).st_size == 1_000_000:
            begun.set()
            return copy(source, target, 1)
        assert begun.wait(10)
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "copy_file_range", play)
    with pytest.raises(FilesError, match=r"(b\.csv|x\.ipynb): Permission denied\. You may not do that"):
        work.stage()
    assert work.left() == []


def test_a_file_that_may_not_be_read_is_named(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    (work.folder / "secret.key").write_text("1")
    opened = os.open

    def deny(path: Any, *args: Any, **options: Any) -> int:
        if str(path).endswith("work/secret.key"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opened(path, *args, **options)

    monkeypatch.setattr(os, "open", deny)
    with pytest.raises(FilesError, match=r"secret\.key: Permission denied\. .*move the file to another folder"):
        work.stage()
    assert work.left() == []


def test_a_folder_that_may_not_be_read_is_named(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    (work.folder / "closed").mkdir()
    scandir = os.scandir

    def deny(path: Any) -> Any:
        if str(path).endswith("closed"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", deny)
    with pytest.raises(FilesError, match=r"folder cannot be read: .*work/closed: Permission denied"):
        work.stage()
    assert work.left() == []


def test_a_file_that_goes_away_during_the_copy_is_named(
    work: Work, meanwhile: Callable[[Callable[[], Any]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "WORKERS", 1)
    (work.folder / "a.csv").write_text("1")
    (work.folder / "b.csv").write_text("1")
    meanwhile(lambda: (work.folder / "b.csv").unlink(missing_ok=True))
    with pytest.raises(FilesError, match=r"b\.csv: No such file or directory\. It was there a moment ago: try again"):
        work.stage()
    assert work.left() == []


def test_a_file_that_is_written_all_the_time_is_named(
    work: Work, meanwhile: Callable[[Callable[[], Any]], None]
) -> None:
    log = work.folder / "run.log"
    log.write_text("1")

    def append() -> None:
        with log.open("a") as file:
            file.write("1")

    meanwhile(append)
    with pytest.raises(
        FilesError, match=r"is written while it is copied for the job: .*run\.log\. Submit the job again"
    ):
        work.stage()
    assert work.left() == []


def test_a_file_that_changes_once_during_the_copy_arrives_as_it_is_then(
    work: Work, meanwhile: Callable[[Callable[[], Any]], None]
) -> None:
    table = work.folder / "table.csv"
    table.write_text("old" * 10)
    changes: Iterator[str] = iter(["new" * 20])

    def change() -> None:
        if text := next(changes, ""):
            table.write_text(text)

    meanwhile(change)
    work.stage()
    assert (work.target / "table.csv").read_text() == "new" * 20


def test_a_link_in_a_circle_is_passed_over(work: Work) -> None:
    (work.folder / "loop").symlink_to("loop")
    work.stage()
    assert names(work.target) == ["x.ipynb"]


def test_a_file_of_the_jobs_own_name_deeper_in_the_folder_comes_along(work: Work) -> None:
    (work.folder / "results").mkdir()
    (work.folder / "results" / "outcome.json").write_text("mine")
    work.stage()
    assert (work.target / "results" / "outcome.json").read_text() == "mine"


def test_a_folder_that_is_there_already_is_left_alone(work: Work) -> None:
    work.target.mkdir(parents=True)
    (work.target / "winner").touch()
    with pytest.raises(FilesError, match="File exists"):
        work.stage()
    assert names(work.target) == ["winner"]


def test_a_cancelled_copy_ends_at_once_and_leaves_nothing(
    work: Work, meanwhile: Callable[[Callable[[], Any]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "_CHUNK", 1)
    (work.folder / "large.bin").write_bytes(b"1" * 1_000_000)
    cancelled, seen = threading.Event(), list[int]()

    def cancel() -> None:
        seen.append(1)
        cancelled.set()

    meanwhile(cancel)
    with pytest.raises(FilesError, match="given up"):
        work.stage(cancelled=cancelled)
    assert work.left() == []
    assert len(seen) <= copying.WORKERS


def test_a_server_that_stops_ends_its_copies(work: Work) -> None:
    work.staging.close()
    with pytest.raises(FilesError, match="given up"):
        work.stage()
    assert work.left() == []


def test_progress_is_told_every_few_seconds() -> None:
    now, told = [0.0], list[str]()
    course = Course(told.append, is_unwanted=lambda: False, clock=lambda: now[0])
    course.begin("the folder of 'x.ipynb'", files=10_000, size=1_000_000_000)
    for _ in range(80):
        now[0] += 0.125
        course.went(files=125, size=12_500_000)
    course.end()
    assert told == [
        "Copying the folder of 'x.ipynb': 3,000 of 10,000 files, 300 MB of 1.0 GB",
        "Copying the folder of 'x.ipynb': 6,000 of 10,000 files, 600 MB of 1.0 GB",
        "Copying the folder of 'x.ipynb': 9,000 of 10,000 files, 900 MB of 1.0 GB",
        "Copied the folder of 'x.ipynb': 10,000 files, 1.0 GB in 10 s",
    ]


def test_a_short_copy_tells_nothing(work: Work) -> None:
    work.stage()
    assert work.told == []


def test_the_limits_are_checked_before_anything_is_copied(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    (work.folder / "data.bin").write_bytes(b"1" * 1_500_000)
    monkeypatch.setattr(os, "copy_file_range", refused(errno.ENOSPC))
    work.staging = Staging(str(work.staging.root), limits=Limits(input_bytes=1_000_000))
    with pytest.raises(
        Exception, match=r"The folder of 'x\.ipynb' has 2 files, 1\.5 MB together, more than the 1\.0 MB"
    ):
        work.stage()
    assert work.left() == []
