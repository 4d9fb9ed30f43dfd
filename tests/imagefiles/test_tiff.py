"""TIFF files of other programs are read exactly, and other programs read ours."""

import io
import struct
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from PIL import Image

from denoise_ae.errors import ImageError
from denoise_ae.imagefiles import images, tiff_write
from denoise_ae.imagefiles.metadata import Metadata
from denoise_ae.imagefiles.picture import Frame
from denoise_ae.imagefiles.tiff_read import read_layouts, read_pixels
from denoise_ae.imagefiles.tiff_write import encode_tiff

RANDOM = np.random.default_rng(1)
SHAPES = {"gray": (37, 53), "gray+alpha": (37, 53, 2), "rgb": (37, 53, 3), "rgba": (37, 53, 4)}


def noise(shape, dtype):
    if np.dtype(dtype).kind == "f":
        return RANDOM.normal(0.5, 1, shape).astype(dtype)
    return RANDOM.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def save(pixels, **options):
    out = io.BytesIO()
    colours = (pixels.ndim == 3 and pixels.shape[-1] > 2) or options.get("planarconfig") == "separate"
    options.setdefault("photometric", "rgb" if colours else "minisblack")
    if pixels.ndim == 3 and pixels.shape[-1] in {2, 4}:
        options.setdefault("extrasamples", ["unassalpha"])
    tifffile.imwrite(out, pixels, **options)
    return out.getvalue()


def save_with_pillow(pixels, mode=None, **options):
    out = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(out, "TIFF", **options)
    return out.getvalue()


def read(data):
    """The first page and its warnings."""
    return read_pixels(data, read_layouts(data, "x")[0], "x")


def assert_same(pixels, expected):
    assert pixels.dtype == expected.dtype
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize(
    "options",
    [{}, {"byteorder": ">"}, {"bigtiff": True}, {"tile": (16, 32)}, {"rowsperstrip": 5}, {"compression": "zlib"}],
    ids=str,
)
def test_every_layout_is_read_exactly(dtype, shape, options):
    pixels = noise(shape, dtype)
    if shape[-1] == 2:
        options = {**options, "planarconfig": "contig"}
    assert_same(read(save(pixels, **options))[0], pixels)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_separate_planes_are_put_together(dtype):
    planes = noise((3, 37, 53), dtype)
    data = save(planes, planarconfig="separate", rowsperstrip=7)
    assert_same(read(data)[0], planes.transpose(1, 2, 0))


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize(
    ("dtype", "predictor"),
    [(np.uint8, 1), (np.uint8, 2), (np.uint16, 1), (np.uint16, 2), (np.float32, 1), (np.float32, 3)],
)
def test_every_compression_is_undone(compression, predictor, dtype):
    if compression == "packbits":
        predictor = 1  # it has none
    pixels = noise((300, 53), dtype)
    pixels[50:80] = pixels[50]  # something to repeat
    pixels[100:110] = 0
    tags = {317: predictor} if predictor > 1 else {}
    data = save_with_pillow(pixels, compression=compression, tiffinfo=tags)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        assert file.pages[0].predictor == predictor
    assert_same(read(data)[0], pixels)


@pytest.mark.parametrize("compression", ["zstd", "lzma"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_newer_compressions_are_undone(compression, dtype):
    pixels = noise((300, 53), dtype)
    assert_same(read(save_with_pillow(pixels, compression=compression))[0], pixels)


@pytest.mark.parametrize(
    "compression", [None, "tiff_lzw", "packbits", "tiff_ccitt", "group3", "group4", "tiff_deflate", "zstd"]
)
def test_bilevel_is_black_and_white(compression):
    pixels = noise((37, 53), np.uint8) > 127
    white = np.where(pixels, 255, 0).astype(np.uint8)
    assert_same(read(save_with_pillow(pixels, compression=compression))[0], white)


@pytest.mark.parametrize("compression", ["group3", "group4"])
@pytest.mark.parametrize("tags", [{262: 0}, {266: 2}, {262: 0, 266: 2}], ids=["negative", "turned", "both"])
def test_a_fax_is_read_in_either_order_of_bits_and_either_sense_of_white(compression, tags):
    page = np.kron(noise((9, 13), np.uint8) > 127, np.ones((8, 8), bool))
    data = save_with_pillow(page, compression=compression, tiffinfo=tags)
    with Image.open(io.BytesIO(data)) as image:
        assert_same(read(data)[0], np.where(np.asarray(image), 255, 0).astype(np.uint8))
    fields = read_layouts(data, "x")[0].directory
    assert all(fields.number(tag, -1) == value for tag, value in tags.items())


@pytest.mark.parametrize("shape", [(64, 80), (64, 80, 3)], ids=["gray", "rgb"])
def test_jpeg_strips_are_read_as_others_read_them(shape):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    pixels = (128 + 90 * np.sin(rows / 9) * np.cos(columns / 11)).astype(np.uint8)
    pixels = np.dstack([pixels, pixels.T.reshape(64, 80), 255 - pixels]) if len(shape) == 3 else pixels
    data = save_with_pillow(pixels, compression="jpeg", quality=95)
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(image)
    decoded = read(data)[0]
    assert_same(decoded, expected)
    assert np.abs(decoded.astype(int) - pixels).mean() < 12
    assert not read_layouts(data, "x")[0].lossless


def pages():
    return [noise((37, 53), np.uint8), noise((5, 9, 3), np.uint16), noise((20, 20, 4), np.uint8), noise((8, 8), "f4")]


@pytest.mark.parametrize("options", [{}, {"bigtiff": True}, {"byteorder": ">"}], ids=str)
def test_all_pages_are_read(options):
    out = io.BytesIO()
    with tifffile.TiffWriter(out, **options) as writer:
        for page in pages():
            writer.write(page, photometric="rgb" if page.ndim == 3 else "minisblack")
    layouts = read_layouts(out.getvalue(), "x")
    assert [layout.bits for layout in layouts] == [8, 16, 8, 32]
    with tifffile.TiffFile(io.BytesIO(out.getvalue())) as file:
        for layout, page in zip(layouts, file.pages, strict=True):
            assert_same(read_pixels(out.getvalue(), layout, "x")[0], page.asarray())


def test_others_read_all_pages_that_are_written():
    written = pages()
    data = encode_tiff(
        [Frame(page, Metadata(dpi=(100 + n, 200), icc=bytes([n]) * 200)) for n, page in enumerate(written)]
    )
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        assert len(file.pages) == 4
        for number, (page, pixels) in enumerate(zip(file.pages, written, strict=True)):
            assert_same(page.asarray(), pixels)
            assert page.get_resolution("INCH") == (100 + number, 200)
            assert page.tags["InterColorProfile"].value == bytes([number]) * 200
    with Image.open(io.BytesIO(data)) as image:
        assert image.n_frames == 4


def test_every_page_keeps_its_own_exif():
    def exif(number):
        block = Image.Exif()
        block[270] = f"page {number}"
        block.get_ifd(0x8769)[0x9003] = f"2024:05:06 07:08:0{number}"
        return block.tobytes()[6:]

    data = encode_tiff([Frame(noise((5, 9), np.uint8), Metadata(exif=exif(n))) for n in range(3)])
    with Image.open(io.BytesIO(data)) as image:
        for number in range(3):
            image.seek(number)
            found = image.getexif()
            assert found[270] == f"page {number}"
            assert found.get_ifd(0x8769)[0x9003] == f"2024:05:06 07:08:0{number}"


def test_directories_that_go_round_in_circles_end():
    whole = encode_tiff([Frame(noise((5, 9), np.uint8))] * 2)
    first = int.from_bytes(whole[4:8], "little")
    end = first + 2 + 12 * int.from_bytes(whole[first : first + 2], "little")
    with pytest.raises(ImageError, match="damaged"):
        read_layouts(whole[:end] + struct.pack("<I", first) + whole[end + 4 :], "x")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_is_zero_is_turned_over(dtype):
    pixels = noise((37, 53), dtype)
    assert_same(read(save(pixels, photometric="miniswhite"))[0], np.iinfo(dtype).max - pixels)


def test_a_palette_becomes_the_colours_that_it_shows():
    image = Image.fromarray(noise((37, 53, 3), np.uint8)).quantize(16)
    out = io.BytesIO()
    image.save(out, "TIFF")
    assert_same(read(out.getvalue())[0], np.asarray(image.convert("RGB")))


def test_a_palette_of_grays_becomes_gray():
    gray = noise((37, 53), np.uint8)
    assert_same(read(save_with_pillow(gray, mode="P"))[0], gray)


def test_premultiplied_alpha_is_undone_and_told():
    pixels = noise((37, 53, 4), np.uint8)
    pixels[..., 3] |= 0x80
    pixels[:5, ..., 3] = 0
    stored = pixels.copy()
    stored[..., :3] = np.rint(pixels[..., :3] * (pixels[..., 3:] / 255))
    straight, warnings = read(save(stored, extrasamples=["assocalpha"]))
    assert_same(straight[..., 3], pixels[..., 3])
    assert np.abs(straight[5:].astype(int) - pixels[5:]).max() <= 1
    assert not straight[:5, :, :3].any()
    assert "alpha" in warnings[0]


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"tile": (16, 16)}], ids=str)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_file_that_is_cut_is_an_error(dtype, options):
    data = save(noise((64, 64, 3), dtype), **options)
    for share in (0.1, 0.5, 0.9):
        with pytest.raises(ImageError, match="cut short or damaged"):
            read(data[: int(len(data) * share)])


@pytest.mark.parametrize("compression", ["tiff_deflate", "tiff_lzw", "packbits"])
def test_destroyed_strips_are_an_error(compression):
    data = bytearray(save_with_pillow(noise((64, 640), np.uint8), compression=compression))
    data[len(data) // 3 : len(data) // 3 + 4000] = bytes(4000)
    if compression == "packbits":
        data[len(data) // 3 : len(data) // 3 + 4000] = b"\x80" * 4000  # 0 would be a valid run
    with pytest.raises(ImageError, match="cut short or damaged"):
        read(bytes(data))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", [*SHAPES.values(), (1, 1), (1, 5000), (700, 900, 3)], ids=str)
def test_others_read_what_is_written(dtype, shape):
    pixels = noise(shape, dtype)
    data = encode_tiff([Frame(pixels)])
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        assert_same(file.pages[0].asarray(), pixels)
        alpha = shape[2:] in {(2,), (4,)}
        assert [kind.name for kind in file.pages[0].extrasamples] == (["UNASSALPHA"] if alpha else [])
    assert_same(read(data)[0], pixels)


def test_pillow_reads_what_is_written():
    for pixels in (noise((700, 900, 3), np.uint8), noise((9, 9, 4), np.uint8), noise((9, 9), np.uint16)):
        with Image.open(io.BytesIO(encode_tiff([Frame(pixels)]))) as image:
            assert_same(np.asarray(image), pixels)


@pytest.mark.parametrize("compression", ["group3", "group4", "jpeg", "zstd", "tiff_lzw"])
def test_nothing_is_printed_about_destroyed_strips(compression, capfd):
    pixels = noise((64, 640), np.uint8)
    data = bytearray(
        save_with_pillow(pixels > 127 if compression.startswith("group") else pixels, compression=compression)
    )
    for place in range(100, len(data) // 2, 7):
        data[place] ^= 0xFF
    try:
        read(bytes(data))
    except ImageError as error:
        assert "damaged" in error.message
    assert capfd.readouterr() == ("", "")


def describe():
    """EXIF with the time and the place of a picture, as Pillow writes it."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Camera & Sons", 6
    exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    exif.get_ifd(0x8825)[2] = (48.0, 12.0, 30.0)
    return exif.tobytes().removeprefix(b"Exif\0\0")


def test_a_bigtiff_stays_one_with_all_that_it_says():
    pages = [noise((17, 31, 3), np.uint16), noise((9, 8), np.uint8)]
    out = io.BytesIO()
    with tifffile.TiffWriter(out, bigtiff=True) as writer:
        for page in pages:
            writer.write(page, photometric="rgb" if page.ndim == 3 else "minisblack", resolution=(300, 150))
    picture = images.decode(out.getvalue(), "x")
    assert picture.header.bigtiff
    profile = bytes(range(256)) * 300
    described = [replace(frame.metadata, exif=describe(), icc=profile) for frame in picture.frames]
    frames = [replace(frame, metadata=told) for frame, told in zip(picture.frames, described, strict=True)]
    written = images.encode_frames(frames, "tiff", like=picture.header)
    with tifffile.TiffFile(io.BytesIO(written)) as file:
        assert file.is_bigtiff
        for page, pixels in zip(file.pages, pages, strict=True):
            assert_same(page.asarray(), pixels)
            assert page.tags["ExifTag"].value["DateTimeOriginal"] == "2024:05:06 07:08:09"
            assert page.tags["GPSTag"].value["GPSLatitude"] == (48, 1, 12, 1, 30, 1)
            assert page.tags["XResolution"].value[0] / page.tags["XResolution"].value[1] == 300
            assert page.tags["InterColorProfile"].value == profile
    again = images.decode(written, "x")
    assert [frame.metadata.orientation for frame in again.frames] == [6, 6]
    assert images.decode(images.encode_frames(again.frames, "tiff"), "x").header.bigtiff is False


def test_what_is_too_long_for_a_classic_tiff_becomes_a_bigtiff(monkeypatch):
    pixels = noise((64, 65, 3), np.uint8)
    monkeypatch.setattr(tiff_write, "_ADDRESSABLE", pixels.nbytes + 100)
    written = images.encode(pixels, "tiff")
    with tifffile.TiffFile(io.BytesIO(written)) as file:
        assert file.is_bigtiff
        assert_same(file.asarray(), pixels)


def test_flat_pictures_are_compressed():
    page = np.full((500, 700, 3), 255, np.uint8)
    page[100:120, 50:600] = 30
    assert len(encode_tiff([Frame(page)])) < page.nbytes / 50


def test_sizes_that_are_no_whole_numbers_are_an_error():
    data = encode_tiff([Frame(noise((9, 9), np.uint8))])
    field = struct.pack("<HHIHH", 256, 3, 1, 9, 0)
    for kind, size in ((11, struct.pack("<f", 9)), (9, struct.pack("<i", -9)), (8, struct.pack("<hh", -9, 0))):
        with pytest.raises(ImageError):
            read(data.replace(field, struct.pack("<HHI", 256, kind, 1) + size))
