"""What is in a file: told by its content, and refused by name where it can't be read."""

import io
import re
import struct
import sys
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from denoise_ae.errors import ImageError
from denoise_ae.imagefiles.formats import is_image_name
from denoise_ae.imagefiles.headers import inspect, read_header
from denoise_ae.imagefiles.images import encode
from denoise_ae.imagefiles.metadata import Metadata

RANDOM = np.random.default_rng(0)
GRAY = RANDOM.integers(0, 256, (17, 31), np.uint8)
RGB = RANDOM.integers(0, 256, (17, 31, 3), np.uint8)
RGBA = RANDOM.integers(0, 256, (17, 31, 4), np.uint8)


def save(pixels, file_format, mode=None, **options):
    image = Image.fromarray(pixels)
    out = io.BytesIO()
    (image.convert(mode) if mode else image).save(out, file_format, **options)
    return out.getvalue()


def save_tiff(pixels, **options):
    out = io.BytesIO()
    tifffile.imwrite(out, pixels, **options)
    return out.getvalue()


def chunk(kind, payload):
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def png_claiming(width, height):
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def bmp(width, height, bits, rest, packing=0):
    """A BMP that no program here writes; `rest` is what follows the 40 bytes that describe it."""
    places = struct.pack("<IHHI", 54 + len(rest), 0, 0, 54 + len(rest) - 4)
    return b"BM" + places + struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, packing, 4, 0, 0, 0, 0) + rest


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (save(GRAY, "PNG"), ("png", "gray", 8)),
        (save(GRAY.astype(np.uint16) * 257, "PNG"), ("png", "gray", 16)),
        (save(RGB, "PNG", mode="P"), ("png", "palette", 8)),
        (save(RGBA, "PNG"), ("png", "RGBA", 8)),
        (save(RGBA, "PNG", mode="LA"), ("png", "gray+alpha", 8)),
        (save(GRAY, "JPEG"), ("jpeg", "gray", 8)),
        (save(RGB, "JPEG"), ("jpeg", "RGB", 8)),
        (save(RGB, "WEBP"), ("webp", "RGB", 8)),
        (save(RGBA, "WEBP"), ("webp", "RGBA", 8)),
        (save(RGBA, "WEBP", lossless=True), ("webp", "RGBA", 8)),
        (save_tiff(RGB.astype(np.uint16), photometric="rgb"), ("tiff", "RGB", 16)),
        (save_tiff(RGB, photometric="rgb", bigtiff=True), ("tiff", "RGB", 8)),
        (save_tiff(GRAY.astype(np.float32)), ("tiff", "gray", 32)),
        (save(RGB, "BMP"), ("bmp", "RGB", 8)),
        (save(GRAY, "PPM"), ("pnm", "gray", 8)),
        (save(GRAY, "GIF"), ("gif", "palette", 8)),
        (save(RGB, "JPEG2000"), ("jpeg2000", "RGB", 8)),
        (save(GRAY.astype(np.uint16), "JPEG2000", no_jp2=True), ("jpeg2000", "gray", 16)),
        (save(RGB, "AVIF"), ("avif", "RGB", 8)),
    ],
)
def test_the_content_decides_whatever_the_name_says(data, expected):
    header = read_header(data, "misleading.jpg")
    assert (header.format, header.mode, header.bits) == expected
    assert (header.width, header.height, header.frames) == (31, 17, 1)


@pytest.mark.parametrize("quality", [1, 10, 45, 50, 75, 90, 95, 100])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_is_written_with_the_tables_and_the_sampling_of_its_source(quality, subsampling, progressive):
    data = save(RGB, "JPEG", quality=quality, subsampling=subsampling, progressive=progressive)
    written = encode(RGB, "jpeg", like=read_header(data, "x.jpg"))
    with Image.open(io.BytesIO(data)) as source, Image.open(io.BytesIO(written)) as result:
        assert result.quantization == source.quantization
        assert result.layer == source.layer
        assert result.info.get("progressive") == source.info.get("progressive")


@pytest.mark.parametrize("largest", [255, 20_000])
def test_strange_quantisation_tables_are_kept_too(largest):
    """Those of mozjpeg, say; and steps of more than 8 bits."""
    steps = [[min(largest, 3 + place * place * place // 2) for place in range(64)], [17] * 64]
    data = save(RGB, "JPEG", qtables=steps)
    with Image.open(io.BytesIO(encode(RGB, "jpeg", like=read_header(data, "x.jpg")))) as result:
        assert [result.quantization[number] for number in (0, 1)] == steps


@pytest.mark.parametrize("sampling", ["440", "411"])
@pytest.mark.parametrize("quality", [60, 92])
def test_unusual_sampling_of_colour_stays_at_a_near_quality(sampling, quality):
    factor = getattr(cv2, f"IMWRITE_JPEG_SAMPLING_FACTOR_{sampling}")
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor]
    source = cv2.imencode(".jpg", RGB, options)[1].tobytes()
    said = Metadata(icc=bytes(200), dpi=(300, 300), jpeg_segments=((0xFE, b"a comment"),))
    with (
        Image.open(io.BytesIO(source)) as before,
        Image.open(io.BytesIO(encode(RGB, "jpeg", like=read_header(source, "x"), metadata=said))) as after,
    ):
        assert after.layer == before.layer
        assert after.quantization == before.quantization
        assert (after.info["icc_profile"], after.info["dpi"]) == (bytes(200), (300, 300))
        assert after.info["comment"] == b"a comment"
        assert np.asarray(after).shape == RGB.shape


def test_what_was_stored_without_loss():
    lossless = [save(RGB, "PNG"), save(RGB, "WEBP", lossless=True), save(RGBA, "WEBP", lossless=True), save_tiff(RGB)]
    lossy = [save(RGB, "JPEG"), save(RGB, "WEBP"), save(RGBA, "WEBP"), save(RGB, "AVIF")]
    assert [read_header(data, "x").lossless for data in lossless + lossy] == [True] * 4 + [False] * 4


def animated(file_format):
    frames = [Image.fromarray(RGB), Image.fromarray(255 - RGB)]
    out = io.BytesIO()
    frames[0].save(out, file_format, save_all=True, append_images=frames[1:], duration=100)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "phrase"),
    [
        (b"", "empty"),
        (b"Dear diary,\nI am not a picture.\n", "text, not a picture"),
        (bytes(range(200)), "not a picture"),
        (b"%PDF-1.7 ...", "PDF"),
        (animated("AVIF"), "animated AVIF"),
        (save(RGB, "JPEG", mode="CMYK"), "CMYK JPEG"),
        (save(RGB, "TIFF", mode="CMYK"), "CMYK"),
        (save_tiff(GRAY.astype(np.float64)), "64-bit floating-point"),
        (save_tiff(GRAY.astype(np.int16)), "16-bit signed"),
        (save_tiff(np.zeros((8, 8, 5), np.uint8), photometric="rgb"), "5 samples a pixel"),
        (save(RGB, "TIFF", compression="jpeg").replace(b"\3\1\3\0\1\0\0\0\7", b"\3\1\3\0\1\0\0\0\6"), "old JPEG"),
        (b"\xff\xd8\xff\xf7" + bytes(100), "JPEG-LS needs a decoder"),
        (b"P5\n2 2\n1023\n" + bytes(8), "1023 as white"),
        (save_tiff(np.zeros((5, 32, 32), np.uint8), volumetric=True, tile=(16, 16)), "5 slices of a volume"),
        (bmp(2, 1, 2, bytes(16) + bytes(4)), r"BMP with this pixel depth \(2\)"),
        (bmp(1, 1, 32, struct.pack("<III", 0x3FF00000, 0xFFC00, 0x3FF) + bytes(4), packing=3), "bitfields layout"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(data, phrase):
    with pytest.raises(ImageError, match=phrase) as error:
        read_header(data, "fotos/été.png")
    assert error.value.message.startswith("fotos/été.png: ")
    assert "\n" not in error.value.message + error.value.hint


def test_a_thumbnail_behind_the_picture_is_no_second_page():
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as writer:
        writer.write(RGB, photometric="rgb")
        writer.write(RGB[::4, ::4], photometric="rgb", subfiletype=1)
    assert read_header(out.getvalue(), "x.tif").frames == 1


@pytest.mark.parametrize(
    ("data", "what", "module"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100), "HEIC", "pillow_heif"),
        (b"\xff\x0a" + bytes(100), "JPEG XL", "pillow_jxl"),
        (b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x64jxlc\xff\x0a" + bytes(100), "JPEG XL", "pillow_jxl"),
        (b"II*\0\x10\0\0\0CR\x02\0" + bytes(100), "camera RAW", "rawpy"),
        (b"\0\0\0\x18ftypcrx " + bytes(100), "camera RAW", "rawpy"),
        (b"FUJIFILMCCD-RAW 0201" + bytes(100), "camera RAW", "rawpy"),
        (save_tiff(GRAY, extratags=[(50706, "B", 4, (1, 4, 0, 0), True)]), "camera RAW", "rawpy"),
        (save_tiff(GRAY, subfiletype=1), "camera RAW", "rawpy"),
    ],
)
def test_what_an_optional_package_reads_is_refused_without_it(monkeypatch, data, what, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImageError, match=f"{what} needs a decoder that is not installed") as error:
        read_header(data, "fotos/été.png")
    extra = {"HEIC": "heic", "JPEG XL": "jxl", "camera RAW": "raw"}[what]
    assert f"pip install 'denoise-ae[{extra}]'" in error.value.hint


def test_pages_are_counted_and_their_pixels_too():
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as writer:
        writer.write(RGB, photometric="rgb")
        writer.write(GRAY[:5])
    header = read_header(out.getvalue(), "x.tif")
    assert (header.frames, header.width, header.height, header.mode) == (2, 31, 17, "RGB")
    assert header.pixels == 17 * 31 + 5 * 31
    with pytest.raises(ImageError, match="682 pixels in 2 frames or pages"):
        read_header(out.getvalue(), "x.tif", max_pixels=681)


def test_a_header_that_claims_too_much_is_refused_unless_allowed():
    data = png_claiming(40_000, 30_000)
    with pytest.raises(ImageError, match="40000 x 30000"):
        read_header(data, "bomb.png")
    assert read_header(data, "bomb.png", max_pixels=1_200_000_000).width == 40_000


def test_a_header_without_pixels_is_refused():
    with pytest.raises(ImageError, match="no pixels"):
        read_header(png_claiming(0, 5), "x.png")


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP"])
def test_broken_exif_is_a_warning(file_format):
    data = save(RGB, file_format, exif=b"Exif\0\0this is no TIFF header")
    found = inspect(data, "x")
    assert found.metadata.exif is None
    assert found.warnings == ("its EXIF is damaged and left out",)


@pytest.mark.parametrize(
    "name", ["a.png", "B.JPG", "c.Jpeg", "d.webp", "e.tif", "f.TIFF", "g.heic", "h.gif", "漢字.jxl"]
)
def test_names_of_pictures(name):
    assert is_image_name(name)


@pytest.mark.parametrize("name", ["a.txt", "png", ".png", "notes.png.txt", "thumbs.db", "a.pdf", "b.CR2", "c"])
def test_names_of_other_files(name):
    assert not is_image_name(name)


def test_a_jpeg_with_fill_bytes_and_junk_behind_it():
    data = save(RGB, "JPEG", quality=80)
    table = data.index(b"\xff\xdb")
    filled = data[:table] + b"\xff\xff\xff" + data[table:] + b"a second picture, or nothing"
    assert read_header(filled, "x") == read_header(data, "x")


def test_a_thumbnail_in_exif_is_not_taken_for_the_picture():
    exif = Image.Exif()
    exif[270] = save(RGB[:8, :8], "JPEG", quality=10).decode("latin-1")
    header = read_header(save(RGB, "JPEG", quality=80, exif=exif), "x")
    assert header == read_header(save(RGB, "JPEG", quality=80), "x")
    assert (header.width, header.height) == (31, 17)


def test_a_profile_of_which_a_piece_is_missing_is_a_warning():
    data = save(RGB, "JPEG", icc_profile=bytes(150_000))
    first, second = (place.start() for place in list(re.finditer(b"\xff\xe2..ICC_PROFILE", data, re.DOTALL))[:2])
    found = inspect(data[:first] + data[second:], "x")
    assert found.metadata.icc is None
    assert found.warnings == ("its colour profile is damaged and left out",)


@pytest.mark.parametrize(
    ("place", "value", "phrase"), [(1, 0xC3, "lossless"), (4, 12, "12-bit"), (9, 2, "2-component")]
)
def test_unusual_jpegs_are_refused_by_name(place, value, phrase):
    data = bytearray(save(RGB, "JPEG"))
    data[data.index(b"\xff\xc0") + place] = value
    with pytest.raises(ImageError, match=phrase):
        read_header(bytes(data), "x")


@pytest.mark.filterwarnings("error")
def test_half_broken_exif_is_nobodys_business_but_ours():
    exif = Image.Exif()
    exif[282] = 72.0
    exif[271] = "a name that is longer than four letters"
    exif[274] = 6
    whole = exif.tobytes()
    data = save(RGB, "JPEG", exif=whole)
    start = data.index(whole)
    for place in range(len(whole)):
        broken = bytearray(data)
        broken[start + place] ^= 0xFF
        assert read_header(bytes(broken), "x").width == 31


@pytest.mark.parametrize("exif", [b"II+\0\x08\0\0\0" + b"\xff" * 8, b"MM\0+\0\x08\0\0\0\0\0\0\0\0\0\x10" + bytes(16)])
def test_exif_that_is_a_bigtiff_is_broken(exif):
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG", exif=exif)
    found = inspect(out.getvalue(), "x")
    assert found.metadata.exif is None
    assert found.warnings == ("its EXIF is damaged and left out",)


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_a_pnm_with_several_pictures_is_refused(mode):
    out = io.BytesIO()
    Image.new(mode, (13, 7), 0).save(out, "PPM")
    assert read_header(out.getvalue() + b"\n", "x").pixels == 13 * 7
    with pytest.raises(ImageError, match="PNM with several pictures"):
        read_header(out.getvalue() * 2, "x")
