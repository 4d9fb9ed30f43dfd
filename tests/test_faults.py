"""Processes that are killed, stopped and run side by side: every file under a final name is whole, old or new."""

import random
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from processes import Run, content, wait_until, write_files, write_pictures

from denoise_ae.system.files import _CLAIM, _TEMPORARY, _machine

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads processes from Linux's /proc")

NAMES = [*(f"{number}.png" for number in range(20)), *(f"{number}.jpg" for number in range(20, 30))]
OLD_NAMES = NAMES[::2]
KILLS = 50


@pytest.fixture(autouse=True)
def _ctrl_c_is_heard():
    """Let what is started here hear Ctrl-C, even where the tests are a shell's background job, which does not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def batch(network, tmp_path_factory):
    """A batch in a folder of its own: its sources, some older results, and what a run makes that nobody disturbs."""
    return Batch(network("rgb"), tmp_path_factory)


class Batch:
    """What never changes in the tests, and how long it takes."""

    def __init__(self, model, folders):
        self.model = model
        self._folders = folders
        place = folders.mktemp("undisturbed")
        self.sources = write_pictures(place / "in", NAMES, seed=1)
        self.old = write_pictures(place / "old", OLD_NAMES, seed=2)
        begin = time.monotonic()
        with self.start(place) as run:
            run.wait_for_start()
            started = time.monotonic()
            status, _, errors = run.end()
        assert status == 0, errors
        self.seconds_to_start, self.seconds = started - begin, time.monotonic() - started
        self.new = content(place / "out")
        assert self.new.keys() == self.sources.keys()

    def folder(self, name):
        """A place with the sources, and older results in ``out``."""
        place = self._folders.mktemp(name)
        write_files(place / "in", self.sources)
        write_files(place / "out", self.old)
        return place

    def start(self, place, *words):
        return Run(self.model, place / "in", "-o", place / "out", "--json", *words)

    def start_in_place(self, place):
        return Run(self.model, place / "in", "--in-place", "--json")

    def check_whole(self, folder, *wholes):
        """Every file under a final name is one of these whole ones, and everything else is a temporary file."""
        for name, data in content(folder).items():
            assert (
                _TEMPORARY.fullmatch(name) or name.endswith(_CLAIM) or data in [whole.get(name) for whole in wholes]
            ), name


def abandon(folder, process) -> None:
    """Leave a temporary file as a killed process would."""
    (folder / f".0.png.denoise-ae-{_machine()}-{process}-0123abcd.tmp").write_bytes(b"half")


class TestKilled:
    """SIGKILL at random moments to all processes, to the first one or to its child."""

    def test_at_fifty_moments(self, batch):
        lanes = (self.replacing, self.replacing_in_place, self.finishing)
        with ThreadPoolExecutor(2) as pool:
            for lane in [pool.submit(lane, batch, kills) for lane, kills in zip(lanes, (16, 9, 25), strict=True)]:
                lane.result()

    def kill(self, batch, run, chance, seconds) -> None:
        if chance.random() < 0.15:
            time.sleep(chance.uniform(0, batch.seconds_to_start))
        else:
            run.wait_for_start()
            time.sleep(chance.uniform(0, seconds))
        run.send(signal.SIGKILL, to=chance.choice(["all", "all", "first", "others"]))
        run.end()

    def replacing(self, batch, kills):
        place = batch.folder("replacing")
        chance = random.Random(1)
        for _ in range(kills):
            write_files(place / "out", batch.old)
            with batch.start(place, "--overwrite") as run:
                self.kill(batch, run, chance, batch.seconds)
            batch.check_whole(place / "out", batch.old, batch.new)
        abandon(place / "out", run.process.pid)
        with batch.start(place, "--overwrite") as run:
            assert run.end()[0] == 0
        assert content(place / "out") == batch.new
        assert content(place / "in") == batch.sources

    def replacing_in_place(self, batch, kills):
        place = batch.folder("in-place")
        chance = random.Random(2)
        for _ in range(kills):
            write_files(place / "in", batch.sources)
            with batch.start_in_place(place) as run:
                self.kill(batch, run, chance, batch.seconds)
            batch.check_whole(place / "in", batch.sources, batch.new)
        write_files(place / "in", batch.sources)
        abandon(place / "in", run.process.pid)
        with batch.start_in_place(place) as run:
            assert run.end()[0] == 0
        assert content(place / "in") == batch.new

    def finishing(self, batch, kills):
        place = batch.folder("finishing")
        chance = random.Random(3)
        write_files(place / "out", {})
        for _ in range(kills):
            if content(place / "out").keys() >= batch.new.keys():
                write_files(place / "out", {})
            before = content(place / "out").keys()
            with batch.start(place, "--skip-existing") as run:
                self.kill(batch, run, chance, batch.seconds / 4)
            batch.check_whole(place / "out", batch.new)
            assert {name for name in before if not (_TEMPORARY.fullmatch(name) or name.endswith(_CLAIM))} <= content(
                place / "out"
            ).keys()
        abandon(place / "out", run.process.pid)
        half = batch.new[NAMES[-1]][:-40]
        (place / "out" / NAMES[-1]).write_bytes(half)  # some other program's, since our results are whole
        with batch.start(place, "--skip-existing") as run:
            assert run.end()[0] == 1
        assert (place / "out" / NAMES[-1]).read_bytes() == half
        (place / "out" / NAMES[-1]).unlink()
        with batch.start(place, "--skip-existing") as run:
            assert run.end()[0] == 0
        assert content(place / "out") == batch.new
        assert content(place / "in") == batch.sources


class TestAskedToEnd:
    """Ctrl-C, which reaches all processes of a terminal, and SIGTERM to the command or to all its processes."""

    @pytest.mark.parametrize(
        ("number", "to"),
        [(signal.SIGINT, "all"), (signal.SIGINT, "first"), (signal.SIGTERM, "all"), (signal.SIGTERM, "first")],
    )
    def test_at_several_moments(self, batch, number, to):
        place = batch.folder("asked")
        for part in (0.0, 0.2):
            write_files(place / "out", batch.old)
            with batch.start(place, "--overwrite") as run:
                run.wait_for_start()
                time.sleep(part * batch.seconds)
                run.send(number, to=to)
                status, _, errors = run.end()
            assert status == 128 + number, errors
            assert "Traceback" not in errors
            assert "Exception ignored" not in errors
            batch.check_whole(place / "out", batch.old, batch.new)
            assert content(place / "out").keys() <= batch.new.keys(), "a temporary file is left"

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_before_there_is_any_work(self, batch, number):
        place = batch.folder("early")
        for part in (0.1, 0.5, 0.9):
            with batch.start(place, "--overwrite") as run:
                time.sleep(part * batch.seconds_to_start)
                run.send(number)
                status, _, _ = run.end()
            assert status in (-number, 128 + number)
            # Where the machine was busier when the time was taken, work has begun.
            batch.check_whole(place / "out", batch.old, batch.new)
            assert content(place / "out").keys() <= batch.new.keys(), "a temporary file is left"

    def test_twice(self, batch):
        place = batch.folder("twice")
        with batch.start(place, "--overwrite") as run:
            run.wait_for_start()
            run.send(signal.SIGINT)
            time.sleep(0.01)
            run.send(signal.SIGINT)
            status, _, errors = run.end()
        assert status == 130
        assert "Traceback" not in errors
        batch.check_whole(place / "out", batch.old, batch.new)


class TestSideBySide:
    """Two runs at the same time on the same folders."""

    @pytest.mark.parametrize("option", ["--overwrite", "--skip-existing"])
    def test_both_end_well(self, batch, option):
        place = batch.folder("both")
        if option == "--skip-existing":
            write_files(place / "out", {})
        with batch.start(place, option) as one, batch.start(place, option) as other:
            assert one.end()[0] == other.end()[0] == 0
        assert content(place / "out") == batch.new

    def test_neither_replaces_what_the_other_wrote(self, batch):
        place = batch.folder("neither")
        write_files(place / "out", {})
        with batch.start(place) as one, batch.start(place) as other:
            told = [one.end(), other.end()]
        assert content(place / "out") == batch.new
        assert sum(output.count('"status": "cleaned"') for _, output, _ in told) == len(NAMES)
        for _, output, errors in told:
            assert output.count('"status": "failed"') == output.count("exists already")
            assert "Traceback" not in errors

    def test_a_run_leaves_the_temporary_files_of_another_that_lives(self, batch):
        place = batch.folder("living")

        def temporaries():
            return {path for path in (place / "out").iterdir() if _TEMPORARY.fullmatch(path.name)}

        with batch.start(place, "--overwrite") as stopped:
            held = set()
            while not held and stopped.process.poll() is None:
                wait_until(lambda: temporaries() or stopped.process.poll() is not None)
                stopped.send(signal.SIGSTOP)
                held = temporaries()
                if not held:
                    stopped.send(signal.SIGCONT)
            assert held
            with batch.start(place, "--skip-existing") as other:
                assert other.end()[0] == 0
            assert temporaries() == held
            stopped.send(signal.SIGCONT)
            assert stopped.end()[0] == 0
        assert content(place / "out") == batch.new
