"""A dry run says of each picture what a run then does, in folders where much is in the way."""

import os
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import pattern

from denoise_ae.batch import pipeline
from denoise_ae.batch.cleaning import Cleaning
from denoise_ae.batch.jobs import Cleaned, Existing, Failed, Planned, Skipped
from denoise_ae.batch.planning import plan
from denoise_ae.modelfiles.catalog import ModelCard
from denoise_ae.restoration.denoiser import Restored

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="makes links and pipes")


class Brighten:
    """A stand-in for a denoiser."""

    card = ModelCard("brighten", takes_sigma=True)

    def estimate_sigma(self, image):
        return 10.0

    def restore(self, image, sigma=None, strength=1.0, *, factor=1.0, progress=None, **options):
        return Restored(image + np.ones((), image.dtype), sigma)


def save(*names, size=(30, 20), **options):
    for seed, name in enumerate(names):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pattern(size[1], size[0], seed=seed)).save(name, **options)


def save_frames(name, **options):
    """An animation, or several pages."""
    first, *others = (Image.fromarray(pattern(20, 30, seed=seed)) for seed in range(3))
    first.save(name, save_all=True, append_images=others, **options)


def collisions():
    save("in/a.png", "in/a.jpg", "in/b.png", "in/c.PNG", "in/c.png", "in/sub/a.webp")
    return {"file_format": "png"}


def names_that_differ_in_case_alone():
    save("in/A.png", "in/a.png", "in/sub/B.png", "in/SUB/b.png")
    return {}


def links():
    save("in/a.png", "other/b.png")
    for name, target in {
        "a2.png": "a.png",
        "loop": ".",
        "gone.png": "x",
        "self.png": "self.png",
        "o": "../other",
    }.items():
        Path("in", name).symlink_to(target)
    Path("in/sub").symlink_to("o")
    return {}


def no_pictures():
    save("in/a.png")
    Path("in/text.png").write_text("text")
    Path("in/empty.png").touch()
    Path("in/cut.png").write_bytes(Path("in/a.png").read_bytes()[:-20])
    Path("in/folder.png").mkdir()
    os.mkfifo("in/pipe.png")
    Path("in/huge.pgm").write_bytes(b"P5 60000 60000 255\n")
    return {"inputs": ["in", "in/pipe.png", "/dev/zero", "gone.png", "in/folder.png"]}


def outputs_that_are_there(**options):
    save(*(f"in/{name}.png" for name in "abcdefgh"))
    save("in/e.bmp", "out/a.png", "out/keep/x.png")
    Path("out/b.png").write_bytes(Path("out/a.png").read_bytes()[:-20])
    Path("out/c.png").mkdir()
    Path("out/d.png").symlink_to("nothing.png")
    Path("out/e.png").symlink_to("f.png")
    Path("out/g.png").symlink_to("../in/g.png")
    Path("out/h.png").hardlink_to("in/a.png")
    return options


def outputs_to_skip():
    return outputs_that_are_there(existing=Existing.SKIP)


def outputs_to_replace():
    return outputs_that_are_there(existing=Existing.REPLACE)


def in_place():
    save("in/a.png", "in/b.jpg", "in/sub/c.bmp")
    save_frames("in/d.gif")
    save_frames("in/e.tif")
    Path("in/f.png").hardlink_to("in/a.png")
    Path("in/g.png").symlink_to("sub/c.bmp")
    return {"output": None, "existing": Existing.IN_PLACE}


def results_beside_their_pictures():
    save(
        "in/a.png", "in/a-clean.png", "in/a-clean-clean.png", "in/b-clean.png", "in/c.png", "in/c.jpg", "in/c-clean.jpg"
    )
    return {"output": None, "existing": Existing.REPLACE}


def names_at_the_limit():
    save(f"in/{'n' * 251}.png", f"in/{'m' * 245}.png", f"in/{'é' * 125}.png")
    return {"suffix": "-clean"}


def an_output_folder_in_the_input_folder():
    save("in/a.png", "in/sub/b.png", "in/out/a.png", "in/out/sub/c.png")
    return {"output": "in/out", "existing": Existing.SKIP}


def places_that_are_taken():
    save("in/a.png", "in/sub/b.png", "in/deep/er/c.png", "in/x/d.png", "out/a.jpg")
    Path("out/sub").touch()
    Path("out/deep").symlink_to("nowhere")
    Path("out/x").symlink_to("../in/x")
    return {"existing": Existing.REPLACE}


def what_a_format_cannot_hold(file_format="jpg"):
    save("in/still.gif", "in/still.tif")
    save("in/wide.png", size=(17_000, 1))
    save("in/wider.png", size=(66_000, 1))
    for name in ("a.gif", "b.png", "c.webp", "pages.tif"):
        save_frames(f"in/{name}", **({} if name == "pages.tif" else {"duration": 50}))
    return {"file_format": file_format}


def what_webp_cannot_hold():
    return what_a_format_cannot_hold("webp")


def what_tiff_cannot_hold():
    return what_a_format_cannot_hold("tif")


FOLDERS = [
    collisions,
    names_that_differ_in_case_alone,
    links,
    no_pictures,
    outputs_that_are_there,
    outputs_to_skip,
    outputs_to_replace,
    in_place,
    results_beside_their_pictures,
    names_at_the_limit,
    an_output_folder_in_the_input_folder,
    places_that_are_taken,
    what_a_format_cannot_hold,
    what_webp_cannot_hold,
    what_tiff_cannot_hold,
]


def tree() -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in Path().rglob("*")}


@pytest.mark.parametrize("build", FOLDERS, ids=lambda build: build.__name__)
def test_a_run_does_what_the_dry_run_said(place, build):
    options = {"inputs": ["in"], "output": "out", "recursive": True} | build()
    before = tree()
    work = plan(**options)
    said = list(pipeline.dry_run(work.jobs))
    assert tree() == before
    with closing(pipeline.run(work.jobs, Cleaning(Brighten()))) as events:
        done = {event.job: event for event in events if isinstance(event, Cleaned | Skipped | Failed)}
    assert said or work.rejected
    assert [event.job for event in said] == list(work.jobs)
    assert done.keys() == set(work.jobs)
    for event in said:
        result = done[event.job]
        if isinstance(event, Planned):
            assert isinstance(result, Cleaned), result
            assert event.replaces == (str(event.job.output) in before)
            assert event.megapixels == result.megapixels
        elif isinstance(event, Failed):
            assert (event.error.message, event.error.hint) == (result.error.message, result.error.hint)
        else:
            assert event == result
    # What was rejected before, and what failed, is as it was.
    outputs = {os.path.realpath(event.job.output) for event in said if isinstance(event, Planned)}
    after = tree()
    assert {name for name in before if before[name] is not None and after[name] != before[name]} <= {
        name for name in before if os.path.realpath(name) in outputs
    }
