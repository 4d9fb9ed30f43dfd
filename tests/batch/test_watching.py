"""``denoise-ae clean --watch``: what is taken, when, and how often; then the real command on a busy folder."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

import pytest
from PIL import Image
from tiny import pattern

import denoise_ae
from denoise_ae.batch import watching
from denoise_ae.batch.jobs import Existing, Failed, Job, Skipped
from denoise_ae.batch.planning import Plan, plan
from denoise_ae.batch.watching import Watch
from denoise_ae.errors import DenoiseError, ImageError

needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems don't tell when a file is closed")
LONG = 60
"""Seconds to wait for what must come; a machine may be busy."""


def save(*names: str | Path, size: tuple[int, int] = (20, 30)) -> None:
    """Write pictures, no two of them alike."""
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pattern(*size, seed=zlib.crc32(str(name).encode()))).save(name)


def arrive(name: str | Path) -> None:
    """Put a picture into a folder as most programs do: under another name first."""
    save("elsewhere.png")
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path("elsewhere.png").rename(name)


class Rounds:
    """What a watch over the folder ``in`` yields."""

    def __init__(self, existing: Existing = Existing.SKIP, make_plan: Callable[[], Plan] | None = None) -> None:
        self.watch = Watch([Path("in")], make_plan or (lambda: plan(["in"], "out", existing=existing)))
        self._found: SimpleQueue[Plan | DenoiseError] = SimpleQueue()
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self) -> None:
        try:
            for work in self.watch.rounds():
                self._found.put(work)
        except DenoiseError as error:
            self._found.put(error)

    def next(self) -> Plan:
        found = self._found.get(timeout=LONG)
        if isinstance(found, DenoiseError):
            raise found
        return found

    def jobs(self) -> dict[str, Job]:
        """The next round's jobs by name; nothing else may be in it."""
        found = self.next()
        assert not found.rejected
        return {job.source.name: job for job in found.jobs}

    def stop(self) -> None:
        shutil.rmtree("in", ignore_errors=True)
        self._thread.join(LONG)
        assert not self._thread.is_alive()


@pytest.fixture
def start(place, monkeypatch):
    """Start a watch that is quick to take a picture for complete, and never loses patience."""
    monkeypatch.setattr(watching, "STILL_SECONDS", 0.2)
    monkeypatch.setattr(watching, "PATIENT_SECONDS", 1000)
    monkeypatch.setattr(watching, "RESCAN_SECONDS", 0.2)
    Path("in").mkdir()
    started: list[Rounds] = []

    def start(*arguments, **options) -> Rounds:
        started.append(Rounds(*arguments, **options))
        return started[-1]

    yield start
    for rounds in started:
        rounds.stop()


class TestWhen:
    def test_what_lies_there_comes_first_in_natural_order_and_what_arrives_later(self, start):
        save("in/10.png", "in/2.png")
        rounds = start()
        assert list(rounds.jobs()) == ["2.png", "10.png"]
        arrive("in/1.png")
        assert list(rounds.jobs()) == ["1.png"]

    def test_without_any_event_it_is_found_too(self, start, monkeypatch):
        monkeypatch.setattr(Watch, "_observe", lambda self: None)
        rounds = start()
        arrive("in/a.png")
        assert list(rounds.jobs()) == ["a.png"]

    def test_what_is_not_complete_is_waited_for(self, start):
        Path("in/empty.png").touch()
        save("in/loading.png")
        Path("in/loading.png.crdownload").touch()
        Path("in/whole.png.part").touch()
        rounds = start()
        time.sleep(0.5)
        arrive("in/a.png")
        assert list(rounds.jobs()) == ["a.png"]
        Path("in/loading.png.crdownload").unlink()
        assert list(rounds.jobs()) == ["loading.png"]
        arrive("in/empty.png")
        assert list(rounds.jobs()) == ["empty.png"]

    def test_patience_ends(self, start, monkeypatch):
        monkeypatch.setattr(watching, "PATIENT_SECONDS", 0.4)
        Path("in/empty.png").touch()
        assert list(start().jobs()) == ["empty.png"]

    @on_linux
    def test_what_its_writer_has_not_closed_is_waited_for(self, start):
        rounds = start()
        save("whole.png")
        data = Path("whole.png").read_bytes()
        arrive("in/first.png")
        assert list(rounds.jobs()) == ["first.png"]  # by now the system's events are heard
        with Path("in/slow.png").open("wb") as file:
            for half in (data[:200], data[200:]):
                file.write(half)
                file.flush()
                time.sleep(0.6)
                arrive("in/other.png")
                assert list(rounds.jobs()) == ["other.png"]
                Path("in/other.png").unlink()
        assert list(rounds.jobs()) == ["slow.png"]

    def test_what_keeps_changing_is_waited_for(self, start):
        rounds = start()
        for _ in range(8):
            save("in/growing.png")
            time.sleep(0.1)
            assert rounds._found.empty()
        assert list(rounds.jobs()) == ["growing.png"]


class TestHowOften:
    def test_a_picture_that_was_renamed_is_a_new_one_and_a_touched_result_is_none(self, start):
        save("in/a.png", "out/b.png")
        rounds = start()
        assert list(rounds.jobs()) == ["a.png"]
        Path("in/a.png").rename("in/c.png")
        assert list(rounds.jobs()) == ["c.png"]
        Path("out/b.png").unlink()
        save("in/c.png")
        assert list(rounds.jobs()) == ["c.png"]

    def test_a_changed_picture_fails_where_its_result_may_not_be_replaced(self, start):
        save("in/a.png")
        rounds = start()
        assert list(rounds.jobs()) == ["a.png"]
        save("out/a.png")
        time.sleep(0.05)
        save("in/a.png", size=(40, 40))
        (event,) = rounds.next().rejected
        assert isinstance(event, Failed)
        assert "in/a.png" in event.error.message.replace(os.sep, "/")
        assert "--overwrite" in event.error.hint

    def test_with_overwrite_what_changed_comes_again_and_at_first_what_is_newer_than_its_result(self, start):
        save("in/new.png", "in/old.png", "in/first.png", "out/new.png", "out/old.png")
        os.utime("in/old.png", (1_000_000_000, 1_000_000_000))
        os.utime("out/new.png", (1_000_000_000, 1_000_000_000))
        rounds = start(Existing.REPLACE)
        jobs = rounds.jobs()
        # Whether the old one's result is whole is for the batch to see.
        assert {name: job.existing for name, job in jobs.items()} == {
            "new.png": Existing.REPLACE,
            "old.png": Existing.RENEW,
            "first.png": Existing.REPLACE,
        }
        save("in/old.png", size=(40, 40))
        os.utime("in/old.png", (1_000_000_001, 1_000_000_001))
        assert rounds.jobs()["old.png"].existing is Existing.REPLACE

    def test_what_cannot_be_planned_is_told_once_and_comes_when_it_can(self, start):
        save("in/a.png", "in/a.jpg")
        rounds = start(make_plan=lambda: plan(["in"], "out", file_format="webp", existing=Existing.SKIP))
        assert [type(event) for event in rounds.next().rejected] == [Failed, Failed]
        Path("in/a.jpg").unlink()
        assert list(rounds.jobs()) == ["a.png"]

    def test_a_folder_that_cannot_be_read_is_told_once(self, start):
        trouble = Failed(Job(Path("in"), None), ImageError("in/sub: the folder can't be read"))
        rounds = start(make_plan=lambda: Plan(plan(["in"], "out", existing=Existing.SKIP).jobs, (trouble,)))
        assert rounds.next().rejected == (trouble,)
        arrive("in/a.png")
        assert list(rounds.jobs()) == ["a.png"]

    def test_a_failure_of_what_has_changed_or_gone_is_excused(self, start):
        save("in/a.png", "in/b.png", "in/bad.png")
        rounds = start()
        failures = {name: Failed(job, ImageError("broken")) for name, job in rounds.jobs().items()}
        Path("in/a.png").unlink()
        save("in/b.png", size=(40, 40))
        excused = {name: type(rounds.watch.excuse(failure)) for name, failure in failures.items()}
        assert excused == {"a.png": Skipped, "b.png": Skipped, "bad.png": Failed}


class TestEnd:
    @pytest.mark.parametrize("replaced", [False, True])
    def test_a_folder_that_is_gone_ends_it(self, start, replaced):
        rounds = start()
        Path("in").rename("moved")
        if replaced:
            Path("in").mkdir()
        with pytest.raises(ImageError, match=r"in: .* gone"):
            rounds.next()

    def test_a_missing_folder_is_an_error(self, place):
        with pytest.raises(ImageError, match="no such folder"):
            Watch([Path("in")], lambda: Plan(()))


class Command:
    """A watch as a process, and the lines of JSON that it prints."""

    def __init__(self, model: Path, *words: str) -> None:
        program = [sys.executable, "-m", "denoise_ae", "clean", "--threads", "1", "--model", str(model)]
        # A shell's background job, which these tests may be, ignores Ctrl-C, and so would what it starts.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        with Path("told.txt").open("wb") as told:
            self.process = subprocess.Popen(
                [*program, "--watch", *words], stdout=subprocess.PIPE, stderr=told, text=True
            )
        signal.signal(signal.SIGINT, before)
        self.lines: list[dict] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.append(json.loads(line))

    def until(self, name: str, status: str = "cleaned", times: int = 1) -> None:
        """Wait until a picture has come to an end."""
        self.wait(lambda: self.count(name, status) >= times, f"{name} {status}")

    def count(self, name: str, status: str = "cleaned") -> int:
        return sum(Path(line.get("file", "")) == Path(name) and line["status"] == status for line in list(self.lines))

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + LONG
        while not condition():
            assert time.monotonic() < end, f"waited for {what}: {self.lines[-5:]} {self.told()}"
            assert self.process.poll() is None, self.told()
            time.sleep(0.05)

    def end(self, number: int = signal.SIGINT) -> tuple[int, dict, list[dict]]:
        """End it; gives its exit status, its summary, and what came of each picture."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> tuple[int, dict, list[dict]]:
        status = self.process.wait(LONG)
        self._reader.join()
        assert "Traceback" not in self.told()
        *lines, summary = self.lines
        assert summary["status"] == "summary"
        return status, summary, lines

    def told(self) -> str:
        return Path("told.txt").read_text()


@pytest.fixture
def command(place, network, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(denoise_ae.__file__).parents[1]))
    running: list[Command] = []

    def command(*words: str) -> Command:
        running.append(Command(network("rgb"), *words))
        return running[-1]

    yield command
    for each in running:
        each.process.kill()
        each.process.wait()


def counts(summary: dict) -> list[int]:
    return [summary[key] for key in ("cleaned", "skipped", "failed")]


@needs_posix
class TestCommand:
    def test_a_tree_with_the_results_inside_it_twice(self, command):
        save("in/a.png", "in/sub/b.jpg", "in/.hidden.png")
        Path("in/sub/c.png.part").write_bytes(b"half")
        words = ["in", "-o", "in/out", "--recursive", "--json", "--report", "report.jsonl"]
        first = command(*words)
        first.until("in/a.png")
        first.until("in/sub/b.jpg")
        save("c.png")
        Path("in/sub/c.png.part").write_bytes(Path("c.png").read_bytes())
        Path("in/sub/c.png.part").rename("in/sub/c.png")
        arrive("in/new/deep/d.png")
        first.until("in/sub/c.png")
        first.until("in/new/deep/d.png")
        status, summary, lines = first.end()
        assert (status, counts(summary)) == (130, [4, 0, 0])
        results = sorted(path.relative_to("in/out").as_posix() for path in Path("in/out").rglob("*.*"))
        assert results == ["a.png", "new/deep/d.png", "sub/b.jpg", "sub/c.png"]
        for name in results:
            Image.open(f"in/out/{name}").load()

        # What is done is not done again, and the report goes on.
        written = {name: Path("in/out", name).stat().st_mtime_ns for name in results}
        arrive("in/e.png")
        second = command(*words)
        second.until("in/e.png")
        status, summary, more = second.end(signal.SIGTERM)
        assert (status, counts(summary)) == (143, [1, 4, 0])
        assert {name: Path("in/out", name).stat().st_mtime_ns for name in results} == written
        assert [json.loads(line) for line in Path("report.jsonl").read_text().splitlines()] == [*lines, *more]

    def test_it_leaves_other_peoples_files_alone_unless_told_to_overwrite(self, command):
        save("in/notes.png", "in/a.png")
        Path("out").mkdir()
        Path("out/notes.png").write_text("call her on Monday")
        first = command("in", "-o", "out", "--json")
        first.until("in/notes.png", "failed")
        first.until("in/a.png")
        status, summary, _ = first.end()
        assert (status, counts(summary)) == (130, [1, 0, 1])
        assert Path("out/notes.png").read_text() == "call her on Monday"
        second = command("in", "-o", "out", "--json", "--overwrite")
        second.until("in/notes.png")
        second.end()
        Image.open("out/notes.png").load()

    def test_a_result_whose_name_is_too_long_ends_nothing(self, command):
        Path("in").mkdir()
        running = command("in", "-o", "out", "--suffix", "-longer", "--json")
        arrive(name := f"in/{'x' * 249}.png")
        running.until(name, "failed")
        arrive("in/a.png")
        running.until("in/a.png")
        assert running.end()[0] == 130

    def test_two_on_one_folder_do_the_work_once(self, command):
        Path("in").mkdir()
        both = [command("in", "-o", "out", "--json") for _ in range(2)]
        names = [f"in/{number}.png" for number in range(20)]
        save(*names)
        for running in both:
            running.wait(lambda: len(list(Path("out").glob("*.png"))) == len(names), "all results")
            running.wait(lambda running=running: len(running.lines) >= len(names), "all lines")
        ends = [running.end() for running in both]
        assert [status for status, _, _ in ends] == [130, 130]
        assert sum(summary["cleaned"] for _, summary, _ in ends) == len(names)
        assert sum(summary["failed"] for _, summary, _ in ends) == 0
        assert not list(Path("out").glob(".*"))

    def test_a_burst_with_deletions_renames_and_replacements(self, command):
        Path("in").mkdir()
        running = command("in", "-o", "out", "--json", "--overwrite")
        save("one.png")
        data = Path("one.png").read_bytes()
        kept = set()
        for number in range(500):
            path = Path(f"in/{number}.png")
            path.write_bytes(data)
            if number % 10 == 3:
                Path(f"in/{number - 1}.png").unlink()
                kept.discard(f"{number - 1}.png")
            name = f"renamed-{number}.png" if number % 10 == 7 else path.name
            path.rename(path.with_name(name))
            kept.add(name)
        Path("in/bad.png").write_bytes(data[:100])
        running.until("in/bad.png", "failed")
        running.wait(lambda: kept <= {path.name for path in Path("out").glob("[!.]*")}, "all results")
        save("in/0.png", size=(50, 60))
        running.until("in/0.png", times=2)
        assert Image.open("out/0.png").size == (60, 50)
        shutil.rmtree("in")
        status, summary, lines = running.ended()
        assert status == 1
        assert "in: the watched folder is gone" in running.told()
        assert [line["file"] for line in lines if line["status"] == "failed"] == [str(Path("in/bad.png"))]
        assert summary["failed"] == 1
        for name in kept:
            Image.open(f"out/{name}").load()
        assert not list(Path("out").glob(".*"))

    @on_linux
    def test_it_outlives_what_cleans_its_pictures_and_tells_in_lines(self, command):
        save("in/a.png")
        running = command("in", "-o", "out")
        running.wait(lambda: Path("out/a.png").exists(), "a result")
        (child,) = Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children").read_text().split()
        os.kill(int(child), signal.SIGKILL)
        arrive("in/b.png")
        running.wait(lambda: Path("out/b.png").exists(), "another")
        running.wait(lambda: "in/b.png ->" in running.told(), "the line")
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(LONG) == 130
        told = running.told()
        assert "watching in; Ctrl-C ends it" in told
        assert "2 cleaned, 0 skipped, 0 failed" in told
        assert "error" not in told


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["in"], "-o FOLDER"),
        (["in", "-o", "-"], "-o FOLDER"),
        (["in", "-o", "in"], "watched itself"),
        (["in", "-o", "in/.", "--suffix", "-x"], "watched itself"),
        (["in/a.png", "-o", "out"], "takes folders"),
        (["-", "-o", "out"], "takes folders"),
        (["in", "-o", "out.png"], "out.png"),
        (["in", "--in-place"], "--in-place"),
        (["in", "-o", "out", "--dry-run"], "--dry-run"),
        (["in", "-o", "out", "--overwrite", "--skip-existing"], "--skip-existing"),
    ],
)
def test_wrong_usage(run, words, said):
    save("in/a.png")
    status, _, told = run("clean", "--watch", *words)
    assert status == 2, told
    assert said in told
    assert not Path("out").exists()


def test_a_folder_that_is_missing(run):
    status, _, told = run("clean", "--watch", "gone", "-o", "out")
    assert status == 1
    assert "gone: there is no such folder" in told
