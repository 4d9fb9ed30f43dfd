"""Several pages in one file: all are cleaned, each keeps what is its own, and no format loses one silently."""

import io
from contextlib import closing

import numpy as np
import pytest
import tifffile
from PIL import Image

from denoise_ae import batch
from denoise_ae.catalog import ModelCard
from denoise_ae.denoiser import Restored
from denoise_ae.errors import ImageError
from denoise_ae.images import decode, encode_frames, read
from denoise_ae.jobs import Cleaned, Failed, Progress
from denoise_ae.planning import plan

RANDOM = np.random.default_rng(5)


def noise(*shape, dtype=np.uint8):
    return RANDOM.integers(0, np.iinfo(dtype).max, shape, dtype)


class Brighten:
    """A stand-in for a denoiser: adds one, in two tiles, and takes the first pixel for the noise."""

    card = ModelCard("brighten", takes_sigma=True)

    def estimate_sigma(self, image):
        return float(image.flat[0])

    def restore(self, image, sigma=None, strength=1.0, *, progress=None):
        progress(1, 2)
        progress(2, 2)
        return Restored(image + image.dtype.type(1), sigma)


def clean(source, output, **options):
    """Clean a file with the stand-in, and return the events."""
    with closing(batch.run(plan([source], output, **options).jobs, Brighten())) as events:
        return list(events)


PAGES = [noise(37, 53), noise(20, 30, 3), noise(9, 9, dtype=np.uint16)]


def save_pages(path, pages=PAGES):
    with tifffile.TiffWriter(path) as writer:
        for number, page in enumerate(pages):
            photometric = "rgb" if page.ndim == 3 else "minisblack"
            writer.write(page, photometric=photometric, resolution=(300 - number, 300), iccprofile=bytes([number]) * 99)


def test_all_pages_of_a_tiff_are_cleaned_and_keep_what_is_theirs(tmp_path):
    save_pages(tmp_path / "scan.tif")
    events = clean(tmp_path / "scan.tif", tmp_path / "clean.tif")
    with tifffile.TiffFile(tmp_path / "clean.tif") as file:
        assert len(file.pages) == 3
        for number, (page, pixels) in enumerate(zip(file.pages, PAGES, strict=True)):
            assert page.dtype == pixels.dtype
            np.testing.assert_array_equal(page.asarray(), pixels + pixels.dtype.type(1))
            assert page.get_resolution("INCH") == (300 - number, 300)
            assert page.tags["InterColorProfile"].value == bytes([number]) * 99
    (cleaned,) = [event for event in events if isinstance(event, Cleaned)]
    assert cleaned.megapixels == pytest.approx(sum(page.shape[0] * page.shape[1] for page in PAGES) / 1e6)
    assert cleaned.sigma == pytest.approx(np.mean([page.flat[0] for page in PAGES]))
    steps = [(event.done, event.total) for event in events if isinstance(event, Progress)]
    assert steps == [(number, 6) for number in range(1, 7)]


@pytest.mark.parametrize("target", ["clean.png", "clean.jpg", "clean.webp"])
def test_pages_are_not_dropped_where_a_format_has_one(tmp_path, target):
    save_pages(tmp_path / "scan.tif")
    (failed,) = [event for event in clean(tmp_path / "scan.tif", tmp_path / target) if isinstance(event, Failed)]
    assert "holds one page, not 3" in failed.error.message
    assert "TIFF" in failed.error.hint
    assert not (tmp_path / target).exists()


def test_the_room_counts_all_pages(tmp_path):
    save_pages(tmp_path / "scan.tif")
    total = sum(page.shape[0] * page.shape[1] for page in PAGES)
    work = plan([tmp_path / "scan.tif"], tmp_path / "clean.tif")
    events = list(batch.run(work.jobs, Brighten(), batch.Settings(max_pixels=total - 1)))
    assert "--max-megapixels" in events[-1].error.hint
    assert isinstance(list(batch.run(work.jobs, Brighten(), batch.Settings(max_pixels=total)))[-1], Cleaned)


def test_a_damaged_page_fails_the_whole_file(tmp_path):
    save_pages(tmp_path / "scan.tif")
    whole = (tmp_path / "scan.tif").read_bytes()
    assert len(decode(whole, "x").frames) == 3
    with pytest.raises(ImageError, match="damaged"):
        decode(whole[:-20], "x")


def test_what_takes_one_picture_says_that_there_are_more(tmp_path):
    save_pages(tmp_path / "scan.tif")
    with pytest.raises(ImageError, match=r"scan\.tif: has 3 pages") as error:
        read(tmp_path / "scan.tif")
    assert error.value.hint


def test_pages_made_by_pillow_are_written_as_they_were():
    out = io.BytesIO()
    images = [Image.fromarray(noise(12, 34, 3)) for _ in range(3)]
    images[0].save(out, "TIFF", save_all=True, append_images=images[1:], compression="tiff_lzw")
    picture = decode(out.getvalue(), "x")
    with Image.open(io.BytesIO(encode_frames(picture.frames, "tiff", like=picture.header))) as written:
        for number, image in enumerate(images):
            written.seek(number)
            np.testing.assert_array_equal(np.asarray(written), np.asarray(image))
