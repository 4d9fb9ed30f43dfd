"""Crashes for real: processes that die of a picture, and what becomes of the batch and of its files."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from PIL import Image
from tiny import pattern

import denoise_ae
from denoise_ae.batch import supervisor
from denoise_ae.batch.jobs import Cleaned, Existing, Failed, Job, Progress
from denoise_ae.batch.planning import plan
from denoise_ae.batch.supervisor import Supervisor
from denoise_ae.batch.tasks import Task
from denoise_ae.batch.worker import Worker
from denoise_ae.errors import DenoiseError, ModelError

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

FAULTS = """
import os, resource, signal, time
from denoise_ae.batch import picture_io
from denoise_ae.imagefiles import images
from denoise_ae.system import files

resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
decode, write_atomic, rename = images.decode, picture_io.write_atomic, files._rename_without_replacing

def die(number):
    os.kill(os.getpid(), number)
    time.sleep(60)

def faulty_decode(data, name, *limits, **options):
    if "segv" in name:
        die(signal.SIGSEGV)
    elif "memory" in name:
        die(signal.SIGKILL)
    elif "exit" in name:
        os._exit(7)
    elif "hang" in name:
        time.sleep(60)
    elif "print" in name:
        os.write(1, b"a decoder's remark")
        os.write(2, b"another")
    return decode(data, name, *limits, **options)

def faulty_rename(temporary, target):
    if "half" in target.name:
        die(signal.SIGSEGV)
    rename(temporary, target)

def faulty_write(path, data, **options):
    write_atomic(path, data, **options)
    if "late" in path.name:
        die(signal.SIGSEGV)

images.decode, picture_io.write_atomic, files._rename_without_replacing = faulty_decode, faulty_write, faulty_rename
"""
"""A sitecustomize module, under which pictures do what their names say to the process that cleans them."""


@pytest.fixture
def faults(tmp_path_factory, monkeypatch) -> None:
    folder = tmp_path_factory.mktemp("faults")
    (folder / "sitecustomize.py").write_text(FAULTS)
    package = Path(denoise_ae.__file__).parents[1]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), str(package)]))


@pytest.fixture
def task(network) -> Task:
    return Task(str(network("rgb")), device="cpu", threads=1)


def pictures(*names: str) -> list[Path]:
    """Small pictures in the folder ``in``."""
    Path("in").mkdir(exist_ok=True)
    for seed, name in enumerate(names):
        Image.fromarray(pattern(20, 30, seed=seed)).save(Path("in", name))
    return [Path("in", name) for name in names]


def run(task, **options):
    with Supervisor(task) as crew, closing(crew.run(plan(["in"], **options).jobs)) as events:
        return [event for event in events if not isinstance(event, Progress)]


def clean_here(task, output):
    """Clean in this process, to which pictures do nothing."""
    return [*Worker(task).run(plan(["in"], output).jobs)]


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def children_of(process: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def wait_for(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


@posix_only
class TestCrashes:
    def test_two_crashes_among_twenty_pictures_cost_two_pictures(self, place, faults, network):
        names = [f"{number}.png" for number in range(18)]
        pictures(*names, "3-segv.png", "11-memory.png")
        words = [sys.executable, "-m", "denoise_ae", "clean", "in", "-o", "out", "--model", network("rgb")]
        words += ["--threads", "2", "--jobs", "2", "--report", "report.jsonl"]
        done = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 1, done.stderr
        assert "18 cleaned, 0 skipped, 2 failed" in done.stderr
        assert "Traceback" not in done.stderr
        assert sorted(path.name for path in Path("out").iterdir()) == sorted(names)
        for name in names:
            assert np.asarray(Image.open(Path("out", name))).shape == (20, 30, 3)
        lines = [json.loads(line) for line in Path("report.jsonl").read_text().splitlines()]
        assert len(lines) == len({line["file"] for line in lines}) == 20
        failed = {Path(line["file"]).name: line for line in lines if line["status"] == "failed"}
        assert set(failed) == {"3-segv.png", "11-memory.png"}
        assert "was killed by SIGSEGV" in failed["3-segv.png"]["error"]
        assert "memory" in failed["11-memory.png"]["hint"]

    def test_the_last_picture_may_end_the_process_too(self, place, faults, task):
        pictures("1.png", "2.png", "3-exit.png")
        events = run(task, output="out")
        assert [event.job.source.name for event in of(Failed, events)] == ["3-exit.png"]
        assert "exit status 7" in of(Failed, events)[0].error.message
        assert len(of(Cleaned, events)) == 2

    def test_what_a_death_leaves_half_written_is_swept(self, place, faults, task):
        pictures("1.png", "2-half.png", "3.png")
        events = run(task, output="out")
        assert [event.job.source.name for event in of(Failed, events)] == ["2-half.png"]
        assert sorted(path.name for path in Path("out").iterdir()) == ["1.png", "3.png"]

    @pytest.mark.parametrize("existing", [Existing.REFUSE, Existing.IN_PLACE])
    def test_what_is_written_when_the_process_dies_is_not_done_again(self, place, faults, task, existing):
        names = pictures("1.png", "2-late.png", "3.png")
        once = {event.job.source.name: event.job.output for event in of(Cleaned, clean_here(task, "expected"))}
        once = {name: path.read_bytes() for name, path in once.items()}
        events = run(task, output=None if existing is Existing.IN_PLACE else "out", existing=existing)
        assert sorted(event.job.source for event in of(Cleaned, events)) == names
        assert not of(Failed, events)
        results = Path("in" if existing is Existing.IN_PLACE else "out")
        assert {path.name: path.read_bytes() for path in results.iterdir()} == once

    def test_a_decoder_that_never_ends(self, place, faults, task, monkeypatch):
        pictures("1.png", "2-hang.png")
        told = []
        with Supervisor(task) as crew:
            for event in crew.run(plan(["in"], "out").jobs):
                told.append(event)
                if isinstance(event, Cleaned):  # now that all is loaded
                    monkeypatch.setattr(supervisor, "PATIENCE_SECONDS", 1)
        (failed,) = of(Failed, told)
        assert "2-hang.png: the process that cleaned it did nothing for" in failed.error.message

    def test_a_decoder_that_prints_is_not_heard(self, place, faults, task, capfd):
        pictures("1-print.png", "2-print.png")
        assert len(of(Cleaned, run(task, output="out"))) == 2
        assert capfd.readouterr() == ("", "")


class TestOneChild:
    def test_it_is_used_again_and_ends_with_its_supervisor(self, place, task):
        pictures("1.png", "2.png")
        with Supervisor(task) as crew:
            assert (crew.ready.model, crew.ready.device) == ("rgb", "cpu")
            child = crew._child._process
            for output in ("out", "more"):
                assert len(of(Cleaned, crew.run(plan(["in"], output).jobs))) == 2
            assert crew._child._process is child
            assert list(crew.run([])) == []
        assert child.poll() is not None

    def test_errors_arrive_with_their_traceback(self, place, task):
        pictures("1.png", "2.png")
        Path("in/2.png").write_text("no picture")
        (failed,) = of(Failed, run(task, output="out"))
        assert "2.png" in failed.error.message
        assert failed.error.hint
        assert any("Traceback" in note for note in failed.error.__notes__)

    def test_a_model_that_is_refused_is_an_error(self, place):
        Path("bad.onnx").write_text("no model")
        with pytest.raises(ModelError, match=r"bad\.onnx|bad"):
            Supervisor(Task("bad.onnx"))

    @posix_only
    def test_a_model_that_crashes_the_process_is_an_error(self, place, faults, network, monkeypatch):
        faults_folder = Path(os.environ["PYTHONPATH"].split(os.pathsep)[0])
        with (faults_folder / "sitecustomize.py").open("a") as file:
            file.write(
                "\nfrom denoise_ae.restoration import tiled\ntiled.Session = lambda *args: die(signal.SIGABRT)\n"
            )
        with pytest.raises(DenoiseError, match="SIGABRT"):
            Supervisor(Task(str(network("rgb"))))

    def test_nothing_is_imported_from_the_folder_at_hand(self, place, task):
        for name in ("pickle", "multiprocessing", "numpy", "denoise_ae"):
            Path(f"{name}.py").write_text("from pathlib import Path\nPath('imported').touch()\n")
        pictures("1.png", "2.png")
        assert len(of(Cleaned, run(task, output="out"))) == 2
        assert not Path("imported").exists()

    def test_leaving_the_events_ends_the_child(self, place, task):
        pictures("1.png", "2.png", "3.png")
        with Supervisor(task) as crew:
            child = crew._child._process
            with closing(crew.run(plan(["in"], "out").jobs)) as events:
                next(events)
            assert child.poll() is not None
        assert all(path.suffix == ".png" for path in Path("out").glob("*"))


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for children")
class TestEnds:
    """Whatever ends the supervisor ends its child."""

    @pytest.fixture
    def running(self, place, faults, network):
        """A batch whose second picture takes for ever, in a process group of its own, as from a terminal."""
        pictures("1.png", "2-hang.png")
        words = [sys.executable, "-m", "denoise_ae", "clean", "in", "-o", "out", "--model", network("rgb")]
        # A background job, which these tests may be, ignores what asks to end, and so would what it starts.
        ignored = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGHUP)}
        process = subprocess.Popen(list(map(str, words)), stderr=subprocess.PIPE, start_new_session=True)
        for number, handler in ignored.items():
            signal.signal(number, handler)
        assert wait_for(Path("out/1.png").exists)
        yield process
        process.kill()
        process.communicate()

    def test_killed(self, running):
        (child,) = children_of(running.pid)
        running.kill()
        running.wait()
        assert wait_for(lambda: not is_running(child), 10)

    @pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
    def test_ctrl_c_a_polite_kill_or_a_closed_terminal(self, running, name):
        """Each reaches all processes, maybe the child first, which must not look like a crash."""
        (child,) = children_of(running.pid)
        number = signal.Signals[name]
        os.kill(child, number)
        time.sleep(0.2)
        assert is_running(child)
        os.killpg(running.pid, number)
        _, stderr = running.communicate(timeout=30)
        assert running.returncode == 128 + number
        assert b"Traceback" not in stderr
        assert b"error: " not in stderr
        assert not is_running(child)
        assert [path.name for path in Path("out").iterdir()] == ["1.png"]


def test_work_that_is_cancelled_from_another_thread_ends_at_once_and_leaves_nothing(place, network):
    for index in range(6):
        Image.fromarray(pattern(900, 900)).save(place / f"{index}.png")
    jobs = [Job(place / f"{index}.png", place / "out" / f"{index}.png") for index in range(6)]
    events = []
    with Supervisor(Task(str(network("rgb")), threads=1, tile=64)) as cleaner:
        for event in cleaner.run(jobs):
            events.append(event)
            if isinstance(event, Progress):
                Thread(target=cleaner.cancel).start()
        assert list(cleaner.run(jobs)) == []
    assert not [event for event in events if isinstance(event, Failed)]
    assert len(list((place / "out").glob("*"))) < len(jobs)
    assert not list((place / "out").glob(".*"))
