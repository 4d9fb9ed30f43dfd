"""HEIC, JPEG XL and camera RAW, read with optional packages; HEIC is written, the others as PNG and TIFF."""

import io
import struct
import sys
from contextlib import closing

import numpy as np
import pytest
from encoders import dng
from PIL import Image, ImageCms
from stand_ins import Brighten

from denoise_ae.batch import pipeline
from denoise_ae.batch.cleaning import Cleaning
from denoise_ae.batch.jobs import Cleaned, Existing, Failed
from denoise_ae.batch.planning import plan
from denoise_ae.errors import ImageError, UsageError
from denoise_ae.imagefiles.headers import read_header
from denoise_ae.imagefiles.images import decode, encode
from denoise_ae.imagefiles.metadata import Metadata, without_orientation
from denoise_ae.pixels.convert import upright

ROWS, COLUMNS = np.mgrid[:48, :64]
RGB = np.dstack([40 + ROWS * 4, 20 + COLUMNS * 3, 128 + ROWS - COLUMNS]).astype(np.uint8)
RGBA = np.dstack([RGB, np.where(ROWS > COLUMNS, 255, 40).astype(np.uint8)])
GRAY = RGB[..., 0].copy()
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def make_exif(orientation=1):
    exif = Image.Exif()
    exif[271] = "Camera & Sons"
    exif[274] = orientation
    return exif.tobytes()


def near(pixels, expected, error=6):
    assert pixels.shape == expected.shape
    assert pixels.dtype == expected.dtype
    assert np.abs(pixels.astype(float) - expected).max() <= error * (257 if pixels.dtype == np.uint16 else 1)


def heic(pixels, bits=8, **options):
    """Let pillow-heif write a file."""
    heif = pytest.importorskip("pillow_heif")
    mode = {(48, 64): "L", (48, 64, 3): "RGB", (48, 64, 4): "RGBA"}[pixels.shape] + (";16" if bits > 8 else "")
    out = io.BytesIO()
    lossless = {"quality": -1, "chroma": 444, "matrix_coefficients": 0}
    heif.encode(mode, (64, 48), pixels.tobytes(), out, **lossless, **options)
    return out.getvalue()


def jxl(pixels, mode=None, **options):
    """Let pillow-jxl-plugin write a file."""
    pytest.importorskip("pillow_jxl")
    out = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(out, "JXL", lossless=True, **options)
    return out.getvalue()


@pytest.mark.parametrize("pixels", [GRAY, RGB, RGBA], ids=["gray", "rgb", "rgba"])
def test_heic_is_read(pixels):
    picture = decode(heic(pixels), "x")
    near(picture.pixels, pixels, 1)
    assert (picture.header.format, picture.header.pixels, picture.header.bits) == ("heic", 48 * 64, 8)


@pytest.mark.parametrize("pixels", [GRAY, RGB], ids=["gray", "rgb"])
def test_deep_heic_stays_deep_and_its_white_is_white(pixels):
    deep = (np.clip(pixels.astype(np.uint32) * 300, 0, 65535)).astype(np.uint16)
    picture = decode(heic(deep, 10), "x")
    near(picture.pixels, deep, 1)
    assert picture.pixels.max() == 65535
    assert picture.header.bits == 10


def test_a_heic_is_upright_and_keeps_its_exif():
    heif = pytest.importorskip("pillow_heif")
    out = io.BytesIO()
    heif.from_pillow(Image.fromarray(RGB)).save(out, quality=-1, chroma=444, matrix_coefficients=0, exif=make_exif(6))
    picture = decode(out.getvalue(), "x")
    assert b"Camera & Sons" in picture.metadata.exif
    assert picture.metadata.orientation == 1
    near(picture.pixels, np.rot90(RGB, -1), 1)


@pytest.mark.parametrize(
    ("pixels", "mode"), [(GRAY, None), (RGB, None), (RGBA, None), (RGBA, "LA"), (GRAY.astype(np.uint16) * 257, None)]
)
def test_jxl_is_read(pixels, mode):
    picture = decode(jxl(pixels, mode), "x")
    expected = np.asarray(Image.fromarray(pixels).convert(mode)) if mode else pixels
    near(picture.pixels, expected, 0)
    assert picture.header.pixels == 48 * 64


def test_a_jxl_keeps_exif_and_profile():
    metadata = decode(jxl(RGB, exif=make_exif(6)), "x").metadata
    assert b"Camera & Sons" in metadata.exif
    assert metadata.exif.startswith((b"II*\0", b"MM\0*"))
    assert metadata.orientation == 1
    assert metadata.icc


@pytest.mark.parametrize(
    "size", [(1, 1), (8, 8), (7, 5000), (512, 513), (1920, 1080), (1080, 1080), (3, 2), (400, 300)], ids=str
)
def test_the_size_of_a_jxl_is_known_before_it_is_decoded(size):
    header = read_header(jxl(np.zeros(size, np.uint8)), "x")
    assert (header.height, header.width) == size
    with pytest.raises(ImageError, match="claims"):
        read_header(jxl(np.zeros(size, np.uint8)), "x", max_pixels=size[0] * size[1] - 1)


def test_an_animated_jxl_is_refused():
    # 1 bit: eighths; 5: height; 3: as wide; then not all as usual, more, orientation, no other size, no preview.
    bits = [1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1]
    animated = b"\xff\x0a" + sum(bit << place for place, bit in enumerate(bits)).to_bytes(3, "little") + bytes(50)
    with pytest.raises(ImageError, match="animated JPEG XL"):
        read_header(animated, "x")


@pytest.mark.parametrize("make", [lambda: heic(RGB), lambda: jxl(RGB), dng], ids=["heic", "jxl", "raw"])
def test_what_is_cut_is_an_error(make):
    data = make()
    for share in (0.05, 0.3, 0.8):
        with pytest.raises(ImageError, match=r"^my file: .*damaged") as error:
            decode(data[: int(len(data) * share)], "my file")
        assert "\n" not in error.value.message


@pytest.mark.parametrize(("orientation", "shape"), [(1, (96, 128)), (6, (128, 96))])
def test_raw_is_developed_upright_with_its_exif(orientation, shape):
    picture = decode(dng(orientation), "x")
    assert picture.pixels.shape == (*shape, 3)
    assert picture.pixels.dtype == np.uint16
    assert (picture.header.format, picture.header.width, picture.header.height) == ("raw", shape[1], shape[0])
    across = picture.pixels.mean(axis=(0 if orientation == 1 else 1, 2))  # which becomes down
    assert across[8] < across[60] < across[-8]
    assert b"Camera & Sons" in picture.metadata.exif
    assert picture.metadata.orientation == 1


def clean(source, output=None, **options):
    with closing(pipeline.run(plan([source], output, **options).jobs, Cleaning(Brighten()))) as events:
        return [event for event in events if isinstance(event, Cleaned | Failed)]


@pytest.mark.parametrize(
    ("name", "make", "result", "file_format"),
    [
        ("a.jxl", lambda: jxl(RGB), "a.png", "PNG"),
        ("a.dng", dng, "a.tif", "TIFF"),
    ],
)
def test_a_result_gets_a_format_that_can_be_written(tmp_path, name, make, result, file_format):
    (tmp_path / name).write_bytes(make())
    (cleaned,) = clean(tmp_path / name, f"{tmp_path}/out/")
    assert cleaned.job.output.name == result
    assert cleaned.warnings == ()
    assert read_header((tmp_path / "out" / result).read_bytes(), "x").format == file_format.lower()
    (cleaned,) = clean(tmp_path / name, tmp_path / "asked.jpg")
    assert read_header((tmp_path / "asked.jpg").read_bytes(), "x").format == "jpeg"
    before = (tmp_path / name).read_bytes()
    (failed,) = clean(tmp_path / name, existing=Existing.IN_PLACE)
    assert "can't be written, so not in place" in failed.error.message
    assert (tmp_path / name).read_bytes() == before


def test_a_heic_stays_one_with_what_it_says(tmp_path):
    source = tmp_path / "a.HEIC"
    source.write_bytes(heic(RGB, exif=make_exif(), xmp=b"<x:xmpmeta>said</x:xmpmeta>", icc_profile=SRGB))
    (cleaned,) = clean(source, existing=Existing.IN_PLACE)
    assert cleaned.warnings == ()
    image = pytest.importorskip("pillow_heif").open_heif(source)
    near(np.asarray(image), RGB + 1, 12)
    assert b"Camera & Sons" in image.info["exif"]
    assert image.info["icc_profile"] == SRGB
    assert image.info["xmp"] == b"<x:xmpmeta>said</x:xmpmeta>"


def test_ten_bits_of_a_heic_stay_ten():
    deep = np.clip(RGB.astype(np.uint32) * 300, 0, 65535).astype(np.uint16)
    picture = decode(heic(deep, 10), "x")
    assert decode(encode(picture.pixels, "heic", like=picture.header), "x").header.bits == 10
    again = decode(encode(picture.pixels, "heic", quality=100), "x")
    assert again.header.bits == 12
    assert np.abs(again.pixels.astype(int) - picture.pixels).mean() < 1000


def test_alpha_of_a_heic_is_kept_bit_for_bit():
    assert np.array_equal(decode(encode(RGBA, "heic"), "x").pixels, RGBA)
    gray = np.dstack([GRAY, RGBA[..., 3]])
    assert np.array_equal(decode(encode(gray, "heic"), "x").pixels, gray[..., [0, 0, 0, 1]])


@pytest.mark.parametrize("orientation", [3, 6])
def test_a_heic_is_written_upright(orientation):
    exif = make_exif(orientation).removeprefix(b"Exif\0\0")
    heif = pytest.importorskip("pillow_heif")
    file = heif.open_heif(io.BytesIO(encode(RGB, "heic", metadata=Metadata(exif), quality=100)))
    near(np.asarray(file), upright(RGB, orientation), 24)
    assert Metadata(file.info["exif"].removeprefix(b"Exif\0\0")).orientation == 1


def test_quality_of_a_heic_can_be_said():
    assert len(encode(RGB.repeat(4, 0).repeat(4, 1), "heic", quality=20)) < len(
        encode(RGB.repeat(4, 0).repeat(4, 1), "heic")
    )


def test_heic_is_no_name_for_a_result_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageError, match="not installed") as error:
        encode(RGB, "heic")
    assert "denoise-ae[heic]" in error.value.hint
    with pytest.raises(UsageError, match="not installed") as error:
        plan(["a.png"], "b.heic")
    assert "denoise-ae[heic]" in error.value.hint


def test_an_orientation_can_be_taken_out_of_exif():
    for order in "<>":
        head = struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, 8)
        exif = head + struct.pack(order + "H HHIHH I", 1, 274, 3, 1, 6, 0, 0)
        assert Metadata(exif).orientation == 6
        assert Metadata(without_orientation(exif)).orientation == 1
        assert len(without_orientation(exif)) == len(exif)
    assert without_orientation(b"nonsense") == b"nonsense"
