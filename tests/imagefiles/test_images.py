"""Pixels go through files of every kind as the contract promises."""

import io
import re
import struct
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from denoise_ae.errors import ImageError
from denoise_ae.imagefiles.formats import format_for
from denoise_ae.imagefiles.headers import read_header
from denoise_ae.imagefiles.images import decode, encode, read_image

RANDOM = np.random.default_rng(4)
WRITABLE = ["png", "jpeg", "webp", "tiff", "bmp", "pnm", "jpeg2000", "avif", "gif", "heic"]


def noise(*shape, dtype=np.uint8):
    return RANDOM.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def smooth(height, width):
    rows, columns = np.mgrid[:height, :width]
    planes = [128 + 90 * np.sin(rows / 23 + shift) * np.cos(columns / 31) for shift in range(3)]
    return np.stack(planes, axis=-1).astype(np.uint8)


def save(image, file_format, **options):
    out = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(out, file_format, **options)
    return out.getvalue()


def raw_png(pixels, bits, colour_type, *chunks):
    """Make a PNG without any library, of kinds that none here writes; pixels are rows of packed bytes."""

    def chunk(kind, payload):
        return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))

    height, width = pixels.shape[0], pixels.shape[1] * (8 // bits if bits < 8 else 1)
    stored = pixels.astype(pixels.dtype.newbyteorder(">")).reshape(height, -1).view(np.uint8)
    data = zlib.compress(np.pad(stored, ((0, 0), (1, 0))).tobytes())
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0))
    extra = b"".join(chunk(kind, payload) for kind, payload in chunks)
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def assert_same(pixels, expected):
    assert pixels.dtype == expected.dtype
    assert pixels.flags.c_contiguous
    np.testing.assert_array_equal(pixels, expected)


# Reading


@pytest.mark.parametrize("file_format", ["PNG", "WEBP", "TIFF", "BMP", "PPM", "JPEG2000"])
def test_rgb_is_read_in_that_order(file_format):
    pixels = noise(17, 31, 3)
    options = {"lossless": True} if file_format == "WEBP" else {}
    assert_same(decode(save(pixels, file_format, **options), "x").pixels, pixels)


@pytest.mark.parametrize("file_format", ["JPEG", "AVIF", "WEBP", "GIF"])
def test_lossy_colour_is_read_in_that_order(file_format):
    red = Image.new("RGB", (32, 32), (200, 30, 10))
    assert np.abs(decode(save(red, file_format), "x").pixels.astype(int) - (200, 30, 10)).max() < 12


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "TIFF", "BMP", "PPM", "JPEG2000", "AVIF", "GIF"])
def test_gray_stays_gray(file_format):
    assert decode(save(np.tile(noise(31), (17, 1)), file_format), "x").pixels.shape == (17, 31)


@pytest.mark.parametrize(
    ("channels", "colour_type"), [(1, 0), (2, 4), (3, 2), (4, 6)], ids=["gray", "gray+alpha", "rgb", "rgba"]
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png_of_every_depth(channels, colour_type, dtype):
    pixels = noise(17, 31, channels, dtype=dtype)
    picture = decode(raw_png(pixels, pixels.itemsize * 8, colour_type), "x")
    assert_same(picture.pixels, pixels[..., 0] if channels == 1 else pixels)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits_are_spread_over_the_whole_range(bits):
    packed = noise(5, 4)
    samples = np.unpackbits(packed, axis=1).reshape(5, -1, bits) @ (1 << np.arange(bits)[::-1])
    assert_same(decode(raw_png(packed, bits, 0), "x").pixels, (samples * (255 // (2**bits - 1))).astype(np.uint8))


@pytest.mark.parametrize("file_format", ["PNG", "BMP", "PPM", "TIFF"])
def test_bilevel_becomes_black_and_white(file_format):
    bits = noise(17, 31) > 127
    assert_same(decode(save(bits, file_format), "x").pixels, np.where(bits, 255, 0).astype(np.uint8))


@pytest.mark.parametrize("file_format", ["PNG", "BMP", "TIFF", "GIF"])
def test_a_palette_becomes_what_it_shows(file_format):
    colourful = Image.fromarray(noise(17, 31, 3)).quantize(16)
    assert_same(decode(save(colourful, file_format), "x").pixels, np.asarray(colourful.convert("RGB")))
    gray = Image.fromarray(noise(17, 31)).convert("P")
    assert_same(decode(save(gray, file_format), "x").pixels, np.asarray(gray.convert("L")))


def test_a_bmp_of_os2_keeps_its_colours():
    """Its header of 12 bytes has no sizes of colours, and OpenCV shows what follows it gray."""
    pixels = noise(4, 8, 3)
    head = struct.pack("<IHHHH", 12, 8, 4, 1, 24)
    data = b"BM" + struct.pack("<IHHI", 26 + pixels.nbytes, 0, 0, 26) + head + pixels[::-1, :, ::-1].tobytes()
    assert_same(decode(data, "x").pixels, pixels)
    table, indices = noise(256, 3), noise(4, 8)
    head = struct.pack("<IHHHH", 12, 8, 4, 1, 8) + table[:, ::-1].tobytes()
    data = b"BM" + struct.pack("<IHHI", 14 + len(head) + 32, 0, 0, 14 + len(head)) + head + indices[::-1].tobytes()
    assert_same(decode(data, "x").pixels, table[indices])
    with pytest.raises(ImageError, match="cut short or damaged"):
        decode(data[:-1], "x")


@pytest.mark.parametrize("masks", [(0x7C00, 0x3E0, 0x1F), (0xF800, 0x7E0, 0x1F)], ids=["555", "565"])
def test_white_of_a_bmp_of_16_bits_is_white(masks):
    head = struct.pack("<IiiHHIIiiII", 40, 2, 1, 1, 16, 3, 4, 0, 0, 0, 0) + struct.pack("<III", *masks)
    data = b"BM" + struct.pack("<IHHI", 14 + len(head) + 4, 0, 0, 14 + len(head)) + head
    shown = np.array([[[255] * 3, [0] * 3]], np.uint8)
    assert_same(decode(data + struct.pack("<HH", sum(masks), 0), "x").pixels, shown)


def test_run_lengths_of_a_bmp_may_leave_pixels_out():
    head = struct.pack("<IiiHHIIiiII", 40, 8, 2, 1, 8, 1, 8, 0, 0, 0, 0) + bytes(range(8)) * 128
    data = b"BM" + struct.pack("<IHHI", 14 + len(head) + 8, 0, 0, 14 + len(head)) + head
    assert decode(data + b"\5\3\0\2\3\1\0\1", "x").pixels.shape == (2, 8, 3)


def test_a_palette_with_transparency_becomes_rgba():
    image = Image.fromarray(noise(17, 31, 3)).quantize(16)
    alpha = bytes(range(0, 160, 10))
    expected = np.dstack([np.asarray(image.convert("RGB")), np.frombuffer(alpha, np.uint8)[np.asarray(image)]])
    assert_same(decode(save(image, "PNG", transparency=alpha), "x").pixels, expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_transparent_colour_becomes_alpha(dtype):
    peak = np.iinfo(dtype).max
    for channels, colour_type in ((1, 0), (3, 2)):
        pixels = noise(17, 31, channels, dtype=dtype)
        key = pixels[3, 5].astype(">u2").tobytes()
        decoded = decode(raw_png(pixels, pixels.itemsize * 8, colour_type, (b"tRNS", key)), "x").pixels
        hidden = (pixels == pixels[3, 5]).all(axis=-1)
        assert_same(decoded, np.dstack([pixels, np.where(hidden, 0, peak).astype(dtype)]))


def test_colours_under_transparency_are_kept():
    pixels = noise(17, 31, 4)
    pixels[:9, ..., 3] = 0
    assert_same(decode(save(pixels, "PNG"), "x").pixels, pixels)
    assert_same(decode(save(pixels, "WEBP", lossless=True, exact=True), "x").pixels, pixels)
    out = io.BytesIO()
    tifffile.imwrite(out, pixels, photometric="rgb", extrasamples=["unassalpha"])
    assert_same(decode(out.getvalue(), "x").pixels, pixels)


def test_ten_bits_are_spread_over_sixteen():
    deep = np.tile(np.linspace(0, 1023, 64).astype(np.uint16), (64, 1))
    settings = [cv2.IMWRITE_AVIF_DEPTH, 10, cv2.IMWRITE_AVIF_QUALITY, 100]
    data = cv2.imencode(".avif", np.dstack([deep] * 3), settings)[1].tobytes()
    assert_same(decode(data, "x").pixels, np.rint(np.dstack([deep] * 3) * (65535 / 1023)).astype(np.uint16))


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "PPM", "JPEG2000", "AVIF", "GIF"])
def test_a_file_that_is_cut_gives_an_error_and_no_picture(file_format):
    data = save(noise(64, 96, 3), file_format)
    for length in (len(data) // 10, len(data) // 2, int(len(data) * 0.9), len(data) - 10):
        with pytest.raises(ImageError, match=r"^my file: .*(cut short|damaged)"):
            decode(data[:length], "my file")


def test_a_progressive_jpeg_that_is_cut_gives_an_error_too():
    data = save(smooth(200, 300), "JPEG", progressive=True)
    with pytest.raises(ImageError, match="damaged"):
        decode(data[: len(data) // 2], "x")


@pytest.mark.parametrize("thumbnail", [False, True])
@pytest.mark.parametrize("shape", [(120, 160, 3), (120, 160)], ids=str)
def test_a_jpeg_of_which_a_part_is_missing_is_damaged_though_it_ends_well(shape, thumbnail):
    exif = Image.Exif()
    if thumbnail:
        exif[270] = save(noise(8, 8, 3), "JPEG").decode("latin-1")
    data = save(noise(*shape), "JPEG", exif=exif)
    decode(data, "x")
    start = data.rindex(b"\xff\xda")
    cut = data[: (start + len(data)) // 2]
    with pytest.raises(ImageError, match="damaged"):
        decode(cut + b"\xff\xd9", "x")
    with pytest.raises(ImageError, match="damaged"):
        decode(cut + bytes(len(data) - len(cut) - 2) + b"\xff\xd9", "x")
    frame = data.rindex(b"\xff\xc0")
    with pytest.raises(ImageError, match="damaged"):
        decode(data[: frame + 5] + (1000).to_bytes(2) + data[frame + 7 :], "x")


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize(
    "options", [{}, {"optimize": True}, {"progressive": True}, {"restart_marker_rows": 1}, {"subsampling": 2}], ids=str
)
def test_an_even_jpeg_is_not_damaged(level, options):
    """Although what is missing looks like this, and although it may be nothing but zeros."""
    pixels = np.full((1000, 1200, 3), level, np.uint8)
    assert_same(decode(save(pixels, "JPEG", **options), "x").pixels, pixels)
    scene = np.vstack([smooth(100, 1200), pixels])
    assert decode(save(scene, "JPEG", **options), "x").pixels.shape == scene.shape


def test_a_jpeg_of_hundreds_of_scans_is_refused():
    data = save(smooth(80, 120), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    decode(data, "x")
    with pytest.raises(ImageError, match="more than 100 scans"):
        decode(data[:-2] + data[last:-2] * 200 + data[-2:], "x")


def test_what_follows_a_jpegs_end_is_no_scan():
    """A motion picture's video is full of what would be one."""
    data = save(smooth(80, 120), "JPEG", progressive=True)
    assert_same(decode(data + b"\xff\xda\0\x02" * 500, "x").pixels, decode(data, "x").pixels)


KINDS = [
    {},
    {"optimize": True},
    {"progressive": True},
    {"restart_marker_rows": 1},
    {"progressive": True, "restart_marker_rows": 1},
    {"subsampling": 2, "quality": 60},
]


@pytest.mark.parametrize("options", KINDS, ids=str)
@pytest.mark.parametrize("shape", [(300, 400, 3), (300, 400)], ids=str)
@pytest.mark.parametrize("part", [0.3, 0.5, 0.9])
def test_a_jpeg_of_which_bytes_are_missing_or_lost_is_damaged(options, shape, part):
    data = save(noise(*shape), "JPEG", **options)
    decode(data, "x")
    start = data.index(b"\xff\xda") + 14
    place = start + int((len(data) - start) * part)
    length = min(3000, (len(data) - place) // 3)
    head, tail = data[:place], data[place + length :]
    for mutant in (
        head,
        head + b"\xff\xd9",
        head + bytes(len(data) - place),
        head + bytes(len(data) - place - 2) + b"\xff\xd9",
        head + tail,
        head + bytes(length) + tail,
        head + b"\xff" * length + tail,
    ):
        with pytest.raises(ImageError, match="damaged"):
            decode(mutant, "x")


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_a_jpeg_whose_header_claims_more_than_there_is_is_damaged(options):
    data = save(noise(16, 16, 3), "JPEG", **options)
    frame = data.rindex(b"\xff\xc2" if "progressive" in options else b"\xff\xc0")
    with pytest.raises(ImageError, match="damaged"):
        decode(data[: frame + 5] + (1000).to_bytes(2) * 2 + data[frame + 9 :], "x")


def test_zeros_that_a_camera_writes_behind_a_jpegs_pixels_are_no_damage():
    data = save(noise(30, 40, 3), "JPEG")
    assert_same(decode(data[:-2] + bytes(9) + data[-2:], "x").pixels, decode(data, "x").pixels)
    with pytest.raises(ImageError, match="extraneous bytes"):
        decode(data[:-2] + b"something" + data[-2:], "x")


def test_a_damaged_jpeg_is_decoded_as_far_as_it_can_be_if_that_is_accepted():
    data = save(pixels := smooth(160, 120), "JPEG", quality=95)
    cut = data[: len(data) // 2] + b"\xff\xd9"
    picture = decode(cut, "x", accept_damaged=True)
    assert picture.warnings == ("this JPEG is damaged (premature end of data segment)",)
    assert picture.pixels.shape == pixels.shape
    assert np.abs(picture.pixels[:40].astype(int) - pixels[:40]).max() < 16
    assert decode(data, "x", accept_damaged=True).warnings == ()


def tiled_jpeg2000() -> tuple[bytes, list[int]]:
    """A JPEG 2000 of six tiles, and where they start."""
    data = save(noise(80, 120, 3), "JPEG2000", tile_size=(40, 40), no_jp2=True)
    return data, [found.start() for found in re.finditer(rb"\xff\x90\0\x0a\0[\0-\5]", data)]


def test_a_jpeg2000_without_some_of_its_tiles_is_damaged():
    data, tiles = tiled_jpeg2000()
    assert len(tiles) == 6
    decode(data, "x")
    for mutant, said in (
        (data[: tiles[1]] + b"\xff\xd9", "5 of its 6 tiles are missing"),
        (data[: tiles[2]] + data[tiles[4] :], "2 of its 6 tiles are missing"),
        (data[: tiles[4]], "2 of its 6 tiles are missing"),
        (data[: tiles[4] + 50], "tile 5 is cut short"),
        (data[: tiles[4]] + bytes(len(data) - tiles[4]), "nothing follows tile 4"),
        (data[: tiles[1] + 100] + data[tiles[2] :], ""),
    ):
        with pytest.raises(ImageError, match=f"damaged.*{said}"):
            decode(mutant, "x")
    picture = decode(data[: tiles[5]] + b"\xff\xd9", "x", accept_damaged=True)
    assert_same(picture.pixels[:40], decode(data, "x").pixels[:40])
    assert "1 of its 6 tiles are missing" in picture.warnings[0]


def test_a_jpeg_whose_jfif_segment_is_empty_is_read_with_a_warning():
    data = save(smooth(80, 120), "JPEG", dpi=(300, 300))
    picture = decode(data[:2] + b"\xff\xe0\0\x07JFIF\0" + data[20:], "x")
    assert_same(picture.pixels, decode(data, "x").pixels)
    assert picture.warnings == ("its JFIF header is damaged",)


def test_the_smallest_webp_is_read():
    """Google's own test file is one colour without a palette, in 28 bytes."""
    data = bytes.fromhex("524946461400000057454250") + b"VP8L\x08\0\0\0/c\xc0\x18\x10\x88\x88\x08"
    pixels = decode(data, "x").pixels
    with Image.open(io.BytesIO(data)) as image:
        assert_same(pixels, np.asarray(image.convert({3: "RGB", 4: "RGBA"}[pixels.shape[2]])))


def test_a_gif_whose_frame_is_beyond_its_canvas_is_read():
    data = bytearray(save(Image.fromarray(noise(7, 9)), "GIF"))
    data[6:10] = struct.pack("<HH", 5, 4)
    with Image.open(io.BytesIO(data)) as image:
        assert_same(decode(bytes(data), "x").pixels, np.asarray(image.convert("L")))


def test_libraries_print_nothing_of_their_own(capfd):
    whole = save(noise(17, 31, 3), "PNG")
    bad_profile = struct.pack(">I", 4) + b"iCCP" + b"x\0\0!" + struct.pack(">I", zlib.crc32(b"iCCPx\0\0!"))
    assert decode(whole[:33] + bad_profile + whole[33:], "x").warnings
    cut = [
        save(noise(64, 96, 3), file_format)[:-500] for file_format in ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "JPEG2000")
    ]
    for data in [*cut, whole[:50]]:
        with pytest.raises(ImageError):
            decode(data, "x")
    with pytest.raises(ImageError):
        encode(noise(3, 3, 3, dtype=np.uint16), "jpeg2000")
    assert capfd.readouterr() == ("", "")


def test_files_are_read_by_any_name(tmp_path):
    pixels = noise(17, 31, 3)
    for name in ("été 漢字 🦊.png", "-o.png", "n" * 250 + ".png", "no suffix", "wrong.jpg"):
        (tmp_path / name).write_bytes(save(pixels, "PNG"))
        assert_same(read_image(tmp_path / name).pixels, pixels)


def test_what_is_no_file_is_one_line(tmp_path):
    empty = tmp_path / "empty.png"
    empty.touch()
    for path, phrase in ((tmp_path, "folder"), (tmp_path / "nö.png", "no such file"), (empty, "empty")):
        with pytest.raises(ImageError, match=phrase) as error:
            read_image(path)
        assert str(path) in error.value.message
        assert "\n" not in error.value.message


def test_the_limit_on_pixels_can_be_moved():
    data = save(noise(17, 31, 3), "PNG")
    with pytest.raises(ImageError, match="31 x 17"):
        decode(data, "x", max_pixels=500)
    assert decode(data, "x", max_pixels=527).pixels.shape == (17, 31, 3)


# Writing


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [(), (2,), (3,), (4,)], ids=["gray", "gray+alpha", "rgb", "rgba"])
@pytest.mark.parametrize("file_format", ["png", "tiff"])
def test_what_is_read_can_be_written_without_loss(file_format, channels, dtype):
    pixels = noise(17, 31, *channels, dtype=dtype)
    before = pixels.copy()
    assert_same(decode(encode(pixels, file_format), "x").pixels, pixels)
    np.testing.assert_array_equal(pixels, before)


@pytest.mark.parametrize("file_format", ["webp", "bmp", "pnm", "jpeg2000"])
def test_other_lossless_formats_are_without_loss(file_format):
    pixels = noise(64, 65, 3)
    like = read_header(save(pixels, "WEBP", lossless=True), "x")
    data = encode(pixels, file_format, like=like)
    assert_same(decode(data, "x").pixels, pixels)
    assert_same(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")), pixels)


def test_lossless_webp_keeps_colours_under_transparency():
    pixels = noise(17, 31, 4)
    pixels[:9, ..., 3] = 0
    source = save(pixels, "WEBP", lossless=True, exact=True)
    assert_same(decode(encode(pixels, "webp", like=read_header(source, "x")), "x").pixels, pixels)


@pytest.mark.parametrize("file_format", ["webp", "avif"])
def test_lossy_formats_keep_alpha_bit_for_bit(file_format):
    pixels = np.dstack([smooth(60, 80), noise(60, 80)])
    decoded = decode(encode(pixels, file_format, quality=60), "x").pixels
    assert_same(np.ascontiguousarray(decoded[..., 3]), np.ascontiguousarray(pixels[..., 3]))


@pytest.mark.parametrize("file_format", WRITABLE)
@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (17, 31), (64, 65)], ids=str)
def test_sizes_are_kept(file_format, size):
    assert decode(encode(noise(*size, 3), file_format), "x").pixels.shape == (*size, 3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(1, 1), (17, 31), (5, 40)], ids=str)
def test_a_small_jpeg2000_is_without_loss_or_refused(shape, dtype):
    assert_same(decode(encode(gray := noise(*shape, dtype=dtype), "jpeg2000"), "x").pixels, gray)
    for channels in (3, 4):
        pixels = noise(*shape, channels, dtype=dtype)
        if dtype == np.uint8:
            assert_same(decode(encode(pixels, "jpeg2000"), "x").pixels, pixels)
        else:
            with pytest.raises(ImageError, match="16-bit colour must have 32 pixels"):
                encode(pixels, "jpeg2000")


@pytest.mark.parametrize("quality", [30, 75, 92, 100])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_a_jpeg_is_written_as_its_source_was(quality, subsampling):
    source = save(smooth(64, 96), "JPEG", quality=quality, subsampling=subsampling)
    picture = decode(source, "x")
    written = encode(picture.pixels, "jpeg", like=picture.header)
    assert Image.open(io.BytesIO(written)).quantization == Image.open(io.BytesIO(source)).quantization
    assert read_header(written, "x") == picture.header


def test_quality_can_be_said():
    pixels = smooth(200, 300)
    like = read_header(save(pixels, "JPEG", quality=50), "x")
    for quality, written in (
        (80, encode(pixels, "jpeg", quality=80, like=like)),
        (95, encode(pixels, "jpeg")),
    ):
        assert (
            read_header(written, "x").jpeg.tables == read_header(save(pixels, "JPEG", quality=quality), "x").jpeg.tables
        )
    lossless = read_header(save(pixels, "PNG"), "x")
    assert read_header(encode(pixels, "webp", like=lossless), "x").lossless
    assert not read_header(encode(pixels, "webp", like=lossless, quality=80), "x").lossless
    for file_format in ("jpeg", "webp", "avif"):
        assert len(encode(pixels, file_format, quality=20)) < len(encode(pixels, file_format, quality=90))
    for quality in (0, 101):
        with pytest.raises(ImageError, match=f"quality {quality}"):
            encode(pixels, "jpeg", quality=quality)


@pytest.mark.parametrize("file_format", ["webp", "bmp"])
def test_sixteen_bits_are_rounded_to_eight(file_format):
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    pixels = np.dstack([levels] * 3)
    like = read_header(save(noise(2, 2, 3), "PNG"), "x")
    expected = np.rint(pixels / 257).astype(np.uint8)
    assert_same(decode(encode(pixels, file_format, like=like), "x").pixels, expected)


def test_floating_point_stays_in_tiff_and_is_clipped_elsewhere():
    pixels = np.array([[-0.5, 0, 0.25, 1, 7, np.nan, np.inf, -np.inf]], np.float32)
    assert_same(decode(encode(pixels, "tiff"), "x").pixels, pixels)
    shown = np.array([[0, 0, 16384, 65535, 65535, 0, 65535, 0]], np.uint16)
    assert_same(decode(encode(pixels, "png"), "x").pixels, shown)
    assert_same(decode(encode(pixels, "bmp"), "x").pixels, np.rint(shown / 257).astype(np.uint8))


@pytest.mark.parametrize("file_format", ["jpeg", "pnm"])
def test_transparency_is_not_thrown_away(file_format):
    pixels = np.dstack([smooth(60, 80), np.full((60, 80), 255, np.uint8)])
    assert decode(encode(pixels, file_format), "x").pixels.shape == (60, 80, 3)
    pixels[3, 4, 3] = 254
    with pytest.raises(ImageError, match=r"été.png: .*transparency") as error:
        encode(pixels, file_format, name="été.png")
    assert "PNG" in error.value.hint


@pytest.mark.parametrize("file_format", ["webp", "bmp", "jpeg2000", "avif"])
def test_gray_with_alpha_becomes_rgba_where_it_must(file_format):
    pixels = np.dstack([smooth(60, 80)[..., 0], noise(60, 80)])
    decoded = decode(encode(pixels, file_format, quality=100), "x").pixels
    assert decoded.shape == (60, 80, 4)
    assert np.abs(decoded[..., :3].astype(int) - pixels[..., :1]).mean() <= 1


@pytest.mark.parametrize(("file_format", "side"), [("jpeg", 65501), ("webp", 16384)])
def test_pictures_too_large_for_a_format_are_refused(file_format, side):
    with pytest.raises(ImageError, match=str(side - 1)):
        encode(np.zeros((1, side), np.uint8), file_format)
    assert decode(encode(np.zeros((1, side - 1), np.uint8), file_format), "x").pixels.shape[1] == side - 1


def test_names_choose_the_format():
    names = [
        "a.PNG",
        "b.jpg",
        "c.d.jpeg",
        "été.webp",
        ".tif",
        "x.tiff",
        "x.bmp",
        "x.ppm",
        ".jp2",
        "x.avif",
        "x.gif",
        "x.HEIF",
    ]
    expected = ["png", "jpeg", "jpeg", "webp", "tiff", "tiff", "bmp", "pnm", "jpeg2000", "avif", "gif", "heic"]
    assert [format_for(name) for name in names] == expected
    for name in ("a.txt", "noise", "x.jxl", ""):
        with pytest.raises(ImageError, match="can't be written"):
            format_for(name)
    with pytest.raises(ImageError, match="JPEG XL can't be written"):
        encode(noise(3, 3), "jxl")
