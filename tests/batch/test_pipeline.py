"""The pipeline: what it tells, what it writes, what it holds in memory, and how it ends. The model is a stand-in."""

import gc
import os
import shutil
import threading
import time
import weakref
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from denoise_ae.batch import picture_io, pipeline
from denoise_ae.batch.cleaning import Cleaning
from denoise_ae.batch.jobs import Cleaned, Existing, Failed, Job, Planned, Progress, Skipped, Started
from denoise_ae.batch.planning import plan
from denoise_ae.batch.tasks import Settings
from denoise_ae.errors import OutputError
from denoise_ae.modelfiles.card import ModelCard
from denoise_ae.restoration.denoiser import Restored
from denoise_ae.system.files import claim

TIMEOUT = 20
"""Seconds after which a thread that should have acted is taken for stuck."""


class Brighten:
    """A stand-in for a denoiser: adds one, in four tiles."""

    sigma = 12.5
    change = 9.0
    card = ModelCard("brighten", takes_sigma=True)

    def estimate_sigma(self, image):
        return self.sigma

    def restore(self, image, sigma=None, strength=1.0, *, factor=1.0, progress=None, **options):
        for done in range(1, 5):
            progress(done, 4)
        return Restored(image + np.uint8(1), sigma, self.change)


@pytest.fixture
def folder(tmp_path):
    """Five pictures, in which pixel values tell which is which."""
    source = tmp_path / "in"
    source.mkdir()
    for number in range(5):
        Image.new("L", (20, 10), number * 10).save(source / f"{number}.png")
    return source


def run(source, output, denoiser=None, settings=None, concurrency=1, **options):
    work = plan([source], output, **options)
    with closing(pipeline.run(work.jobs, Cleaning(denoiser or Brighten(), settings), concurrency)) as events:
        return [*work.rejected, *events]


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


def wait_for(condition):
    end = time.monotonic() + TIMEOUT
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    return condition()


def no_threads_left():
    return not [thread for thread in threading.enumerate() if thread.name.startswith("denoise-ae")]


def test_every_picture_is_cleaned_and_told_about_in_order(folder, tmp_path):
    events = run(folder, tmp_path / "out")
    cleaned = of(Cleaned, events)
    assert [event.job.source.name for event in of(Started, events)] == [f"{n}.png" for n in range(5)]
    assert [event.job.output.name for event in cleaned] == [f"{n}.png" for n in range(5)]
    assert [event.done for event in of(Progress, events)] == [1, 2, 3, 4] * 5
    for number, event in enumerate(cleaned):
        assert np.unique(np.asarray(Image.open(event.job.output))) == [number * 10 + 1]
        assert event.megapixels == pytest.approx(200e-6)
        assert (event.sigma, event.estimated, event.little_noise) == (12.5, True, False)
    assert no_threads_left()


def test_a_given_level_is_not_estimated(folder, tmp_path):
    events = run(folder, tmp_path / "out", settings=Settings(sigma=0.5))
    assert {(event.sigma, event.estimated, event.little_noise) for event in of(Cleaned, events)} == {
        (0.5, False, False)
    }


def test_little_noise_is_said(folder, tmp_path):
    """Where the model takes next to nothing; not where nobody asked it, or where somebody told it a level."""
    denoiser = Brighten()
    denoiser.change = 1.0
    assert all(event.little_noise for event in of(Cleaned, run(folder, tmp_path / "out", denoiser)))
    told = run(folder, tmp_path / "told", denoiser, Settings(sigma=5))
    denoiser.change = None
    assert not any(event.little_noise for event in of(Cleaned, [*told, *run(folder, tmp_path / "none", denoiser)]))


def test_one_bad_file_does_not_stop_the_rest(folder, tmp_path):
    (folder / "2.png").write_text("no picture")
    (folder / "3.png").write_bytes(b"")
    events = run(folder, tmp_path / "out")
    assert [event.job.source.name for event in of(Failed, events)] == ["2.png", "3.png"]
    assert all(event.job.name in event.error.message for event in of(Failed, events))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0.png", "1.png", "4.png"]


@pytest.mark.parametrize(
    ("error", "message"), [(MemoryError(), "not enough memory"), (ZeroDivisionError("oh"), "ZeroDivisionError: oh")]
)
def test_whatever_cleaning_raises_fails_one_picture_and_keeps_no_arrays(folder, tmp_path, error, message):
    arrays = []

    class Fails(Brighten):
        def restore(self, image, *args, **options):
            if image[0, 0] != 20:
                return super().restore(image, *args, **options)
            working_copy = image.copy()
            arrays.extend([weakref.ref(working_copy), weakref.ref(image)])
            raise error

    events = run(folder, tmp_path / "out", Fails())
    (failed,) = of(Failed, events)
    assert failed.job.source.name == "2.png"
    assert message in failed.error.message
    assert failed.error.__cause__ is error
    assert len(of(Cleaned, events)) == 4
    gc.collect()
    assert [array() for array in arrays] == [None, None]


def test_a_result_that_cannot_be_written_fails_one_picture(folder, tmp_path, monkeypatch):
    real = picture_io.write_atomic

    def full_disk(path, data, **options):
        if path.name == "1.png":
            raise OutputError(f"{path}: No space left on device")
        real(path, data, **options)

    monkeypatch.setattr(picture_io, "write_atomic", full_disk)
    events = run(folder, tmp_path / "out")
    assert [event.error.message.endswith("No space left on device") for event in of(Failed, events)] == [True]
    assert len(of(Cleaned, events)) == 4


def test_reading_runs_ahead_but_only_as_far_as_there_is_room(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "PIXELS_IN_FLIGHT", 3 * 200)
    decoded = []
    real = pipeline.images.decode
    monkeypatch.setattr(
        pipeline.images, "decode", lambda *args, **options: decoded.append(args[1]) or real(*args, **options)
    )
    ahead = []

    class Slow(Brighten):
        def restore(self, image, *args, **options):
            number = image[0, 0] // 10
            assert wait_for(lambda: len(decoded) >= min(number + 2, 5)), "decoding does not run beside cleaning"
            time.sleep(0.02)
            ahead.append(len(decoded) - number)
            return super().restore(image, *args, **options)

    assert len(of(Cleaned, run(folder, tmp_path / "out", Slow()))) == 5
    assert max(ahead) <= 3


def test_a_picture_larger_than_the_room_goes_alone(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "PIXELS_IN_FLIGHT", 150)
    assert len(of(Cleaned, run(folder, tmp_path / "out"))) == 5


def test_pictures_are_cleaned_side_by_side_as_many_as_asked_for(folder, tmp_path):
    together = threading.Barrier(2)
    (folder / "4.png").write_text("no picture")

    class Meets(Brighten):
        def restore(self, image, *args, **options):
            together.wait(TIMEOUT)  # breaks unless two are here at once
            return super().restore(image, *args, **options)

    events = run(folder, tmp_path / "out", Meets(), concurrency=2)
    assert len(of(Cleaned, events)) == 4
    assert len(of(Failed, events)) == 1
    for event in of(Cleaned, events):
        assert np.unique(np.asarray(Image.open(event.job.output))) == [int(event.job.source.stem) * 10 + 1]
    assert no_threads_left()


def test_more_side_by_side_than_pictures(folder, tmp_path):
    assert len(of(Cleaned, run(folder, tmp_path / "out", concurrency=20))) == 5
    assert no_threads_left()


@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize("kind", [Started, Progress, Cleaned])
def test_closing_ends_the_work_and_the_threads(folder, tmp_path, kind, concurrency):
    work = plan([folder], tmp_path / "out")
    go_on = threading.Event()

    class Blocks(Brighten):
        def restore(self, image, *args, **options):
            if image[0, 0] >= 20:
                go_on.wait(TIMEOUT)
            return super().restore(image, *args, **options)

    with closing(pipeline.run(work.jobs, Cleaning(Blocks()), concurrency)) as events:
        next(event for event in events if isinstance(event, kind))
        threading.Timer(0.05, go_on.set).start()
    assert no_threads_left()
    written = sorted(path.name for path in (tmp_path / "out").glob("*"))
    assert set(written) <= {"0.png", "1.png"}
    for name in written:
        Image.open(tmp_path / "out" / name).load()


def test_a_mistake_in_the_pipeline_ends_it_with_that_error(folder, tmp_path, monkeypatch):
    def mistake(job, error):
        raise AssertionError("a bug")

    (folder / "2.png").write_text("no picture")
    monkeypatch.setattr(pipeline, "explain", mistake)
    with pytest.raises(AssertionError, match="a bug"):
        run(folder, tmp_path / "out")
    assert no_threads_left()


@pytest.mark.parametrize("existing", [Existing.SKIP, Existing.RENEW])
def test_a_second_run_skips_what_is_whole_and_only_that(folder, tmp_path, existing):
    output = tmp_path / "out"
    run(folder, output)
    (output / "1.png").unlink()
    (output / "2.png").write_bytes(b"")
    before = (output / "0.png").stat()
    events = run(folder, output, existing=existing)
    assert [event.job.source.name for event in of(Skipped, events)] == ["0.png", "3.png", "4.png"]
    assert (output / "0.png").stat().st_mtime_ns == before.st_mtime_ns
    if existing is Existing.RENEW:
        assert [event.job.source.name for event in of(Cleaned, events)] == ["1.png", "2.png"]
        assert np.unique(np.asarray(Image.open(output / "2.png"))) == [21]
        return
    assert [event.job.source.name for event in of(Cleaned, events)] == ["1.png"]
    (failed,) = of(Failed, events)
    assert f"{output / '2.png'}: exists and is no result of ours: the file is empty" in failed.error.message
    assert (output / "2.png").read_bytes() == b""


def test_what_appears_while_a_picture_is_cleaned_is_passed_over_where_results_are(folder, tmp_path):
    """Two runs on one folder: the slower one has nothing to complain of."""
    output = tmp_path / "out"
    (job, *_) = plan([folder], output, existing=Existing.SKIP).jobs

    class Overtaken(Brighten):
        def restore(self, *arguments, **options):
            (output / "0.png").write_bytes(b"the faster one's")
            return super().restore(*arguments, **options)

    with closing(pipeline.run([job], Cleaning(Overtaken()))) as events:
        assert isinstance([*events][-1], Skipped)
    assert (output / "0.png").read_bytes() == b"the faster one's"


def test_of_two_runs_one_makes_a_result(folder, tmp_path):
    """The other one passes over it while it is made, too."""
    output = tmp_path / "out"
    jobs = plan([folder], output, existing=Existing.SKIP).jobs
    goes_on = threading.Event()

    class Slow(Brighten):
        def restore(self, *arguments, **options):
            assert goes_on.wait(TIMEOUT)
            return super().restore(*arguments, **options)

    with closing(pipeline.run(jobs, Cleaning(Slow()))) as first:
        assert isinstance(next(first), Started)
        others = run(folder, output, existing=Existing.SKIP)
        goes_on.set()
        mine = of(Cleaned, list(first))
    theirs = of(Cleaned, others)
    assert sorted(event.job.source.name for event in (*mine, *theirs)) == [f"{number}.png" for number in range(5)]
    assert not of(Failed, others)
    assert "another run makes" in of(Skipped, others)[0].reason
    assert sorted(path.name for path in output.iterdir()) == [f"{number}.png" for number in range(5)]


@pytest.mark.skipif(os.name == "nt", reason="there only a claim's age counts")
def test_what_a_run_that_was_killed_has_claimed_is_made_by_the_next(folder, tmp_path):
    output = tmp_path / "out"
    mark = claim(output / "0.png")
    machine, _ = mark.read_text().split()
    mark.write_text(f"{machine} {2**22 + 1}")  # more than there can be
    assert len(of(Cleaned, run(folder, output, existing=Existing.SKIP))) == 5
    assert sorted(path.name for path in output.iterdir()) == [f"{number}.png" for number in range(5)]


def test_an_output_that_appears_meanwhile_is_not_overwritten(folder, tmp_path):
    work = plan([folder / "0.png"], tmp_path / "out.png")
    (tmp_path / "out.png").write_text("somebody else's")
    (failed,) = of(Failed, list(pipeline.run(work.jobs, Cleaning(Brighten()))))
    assert "out.png" in failed.error.message
    assert (tmp_path / "out.png").read_text() == "somebody else's"


def test_content_decides_the_format_and_a_wrong_name_is_told(tmp_path):
    Image.new("L", (20, 10), 40).save(tmp_path / "really.jpg", format="PNG")
    (cleaned,) = of(Cleaned, run(tmp_path / "really.jpg", f"{tmp_path}/out/"))
    assert Image.open(cleaned.job.output).format == "PNG"
    assert any("PNG whatever its name says" in warning for warning in cleaned.warnings)
    (cleaned,) = of(Cleaned, run(tmp_path / "really.jpg", tmp_path / "asked.jpg"))
    assert Image.open(cleaned.job.output).format == "JPEG"
    assert not cleaned.warnings


def test_pictures_above_the_limit_are_refused(folder, tmp_path):
    events = run(folder, tmp_path / "out", settings=Settings(max_pixels=199))
    assert len(of(Failed, events)) == 5


class TestInPlace:
    def test_a_result_replaces_its_picture(self, folder):
        events = run(folder, None, existing=Existing.IN_PLACE)
        assert len(of(Cleaned, events)) == 5
        assert sorted(path.name for path in folder.iterdir()) == [f"{number}.png" for number in range(5)]
        for number in range(5):
            assert np.unique(np.asarray(Image.open(folder / f"{number}.png"))) == [number * 10 + 1]

    def test_one_that_is_changed_or_removed_meanwhile_stays_so(self, folder):
        class Meanwhile(Brighten):
            def restore(self, image, *args, **options):
                if image[0, 0] == 20:
                    (folder / "2.png").write_bytes(b"edited by somebody")
                elif image[0, 0] == 30:
                    (folder / "3.png").unlink()
                return super().restore(image, *args, **options)

        events = run(folder, None, Meanwhile(), existing=Existing.IN_PLACE)
        failed = of(Failed, events)
        assert [event.job.source.name for event in failed] == ["2.png", "3.png"]
        assert all("changed" in event.error.message for event in failed)
        assert (folder / "2.png").read_bytes() == b"edited by somebody"
        assert not (folder / "3.png").exists()

    def test_a_failure_leaves_the_picture_as_it_was(self, folder):
        class Fails(Brighten):
            def restore(self, image, *args, **options):
                raise ValueError("no")

        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        run(folder, None, Fails(), existing=Existing.IN_PLACE)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("existing", [Existing.REFUSE, Existing.IN_PLACE])
def test_the_modification_time_is_kept_when_asked(folder, tmp_path, existing):
    picture = folder / "1.png"
    os.utime(picture, (1_000_000_000, 1_000_000_000))
    output = None if existing is Existing.IN_PLACE else tmp_path / "out.png"
    (cleaned,) = of(Cleaned, run(picture, output, settings=Settings(keep_time=True), existing=existing))
    assert np.unique(np.asarray(Image.open(cleaned.job.output))) == [11]
    assert cleaned.job.output.stat().st_mtime == 1_000_000_000


class TestDryRun:
    def dry_run(self, folder, output, settings=None, **options):
        work = plan([folder], output, **options)
        return [*work.rejected, *pipeline.dry_run(work.jobs, settings)]

    def test_it_says_what_a_run_does_and_writes_nothing(self, folder, tmp_path):
        output = tmp_path / "out"
        (folder / "2.png").write_text("no picture")
        (folder / "3.png").write_bytes((folder / "1.png").read_bytes()[:40])
        run(folder / "0.png", f"{output}/")
        before = [(path, path.stat().st_mtime_ns) for path in output.iterdir()]
        for existing in (Existing.REFUSE, Existing.SKIP, Existing.REPLACE):
            told = self.dry_run(folder, output, existing=existing)
            assert [(path, path.stat().st_mtime_ns) for path in output.iterdir()] == before
            copy = tmp_path / f"copy-{existing}"
            shutil.copytree(output, copy)
            done = run(folder, copy, existing=existing)
            assert {event.job.source.name for event in of(Planned, told)} == {
                event.job.source.name for event in of(Cleaned, done)
            }
            for kind in (Skipped, Failed):
                assert {event.job.source.name for event in of(kind, told)} == {
                    event.job.source.name for event in of(kind, done)
                }
        planned = of(Planned, told)
        assert [(event.job.source.name, event.replaces) for event in planned][:2] == [("0.png", True), ("1.png", False)]
        assert planned[0].megapixels == pytest.approx(200e-6)

    def test_the_limit_on_pixels_counts(self, folder, tmp_path):
        assert len(of(Failed, self.dry_run(folder, tmp_path / "out", Settings(max_pixels=199)))) == 5

    def test_standard_input_is_left_for_the_run(self):
        (told,) = pipeline.dry_run([Job(None, Path("gone.png"))])
        assert (told.megapixels, told.replaces) == (None, False)


def test_a_job_names_itself():
    assert Job(None, None).name == "standard input"
    assert Job(Path("a.png"), Path("b.png")).output_name == "b.png"
