"""PNG files are checked to the last byte, and written so that other decoders give the same pixels."""

import io
import struct
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from denoise_ae.errors import ImageError
from denoise_ae.imagefiles import opencv
from denoise_ae.imagefiles.headers import inspect
from denoise_ae.imagefiles.images import decode, encode
from denoise_ae.imagefiles.metadata import Metadata
from denoise_ae.imagefiles.png_chunks import SIGNATURE, read_chunks

RANDOM = np.random.default_rng(2)


def noise(shape, dtype=np.uint8):
    return RANDOM.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def smooth(height, width):
    rows, columns = np.mgrid[:height, :width]
    planes = [128 + 90 * np.sin(rows / 37 + shift) * np.cos(columns / 53) for shift in range(3)]
    return (np.stack(planes, axis=-1) + RANDOM.normal(0, 2, (height, width, 3))).astype(np.uint8)


def decode_with_libpng(data):
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels.ndim == 3:
        pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    return pixels


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [(), (2,), (3,), (4,)], ids=str)
@pytest.mark.parametrize("size", [(1, 1), (17, 31), (1, 5000), (5000, 1), (300, 400)], ids=str)
def test_libpng_reads_what_is_written(dtype, channels, size):
    pixels = noise((*size, *channels), dtype)
    decoded = decode_with_libpng(encode(pixels, "png"))
    if channels == (2,):  # which OpenCV gives as BGRA
        decoded = decoded[..., ::3]
    assert decoded.dtype == dtype
    np.testing.assert_array_equal(decoded, pixels)


def test_all_filters_are_right():
    # Smooth pictures need the averaging ones, rows alike "up", columns alike "left", noise none.
    ramp = np.arange(200, dtype=np.uint8)
    rows = np.tile(ramp, (40, 1))
    pixels = np.concatenate([smooth(100, 200)[..., 0], rows, noise((40, 200)), rows.T[:40].repeat(5, axis=1)])
    data = encode(pixels, "png")
    packed = b"".join(whole[8:-4] for kind, whole in read_chunks(data, "x") if kind == b"IDAT")
    used = set(np.frombuffer(zlib.decompress(packed), np.uint8).reshape(len(pixels), -1)[:, 0])
    assert used == {0, 1, 2, 3, 4}
    np.testing.assert_array_equal(decode_with_libpng(data), pixels)


def test_files_are_as_small_as_libpngs_and_need_no_copy_of_the_picture():
    pixels = smooth(1500, 2000)
    libpng = len(cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_ALL_FILTERS])[1])
    tracemalloc.start()
    try:
        data = encode(pixels, "png")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(data) < 1.05 * libpng
    assert peak < 1.3 * len(data) + pixels.nbytes / 2


def chunk(kind, payload, checksum=0):
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload) ^ checksum)


def with_chunk(data, *extra):
    """Put chunks behind the header."""
    return data[:33] + b"".join(extra) + data[33:]


def test_every_byte_is_guarded():
    data = encode(noise((20, 30, 3)), "png", metadata=Metadata(icc=b"profile", dpi=(300, 300)))
    for place in RANDOM.integers(len(SIGNATURE), len(data), 100):
        damaged = bytearray(data)
        damaged[place] ^= 0x10
        with pytest.raises(ImageError, match=r"cut short|damaged"):
            inspect(bytes(damaged), "x")


def test_a_cut_anywhere_is_noticed():
    data = encode(noise((20, 30, 3)), "png")
    for length in (8, 20, 33, 40, len(data) // 2, len(data) - 12, len(data) - 1):
        with pytest.raises(ImageError, match="cut short"):
            inspect(data[:length], "x")


def test_only_what_pixels_need_goes_to_the_decoder(monkeypatch):
    seen = []
    monkeypatch.setattr(opencv, "decode", lambda data: seen.append(data) or np.zeros((20, 30, 3), np.uint8))
    plain = encode(noise((20, 30, 3)), "png")
    decode(plain, "x")
    assert seen.pop() is plain
    dressed = with_chunk(plain, chunk(b"tEXt", b"Comment\0hello"), chunk(b"gAMA", b"\0\0\xb1\x8f"))
    decode(dressed, "x")
    assert seen.pop() == plain


def test_metadata_of_other_programs_is_read():
    out = io.BytesIO()
    exif = Image.Exif()
    exif[274] = 6
    Image.new("RGB", (4, 4)).save(out, "PNG", exif=exif, icc_profile=b"some profile", dpi=(300, 150))
    metadata = inspect(out.getvalue(), "x").metadata
    assert metadata.orientation == 6
    assert metadata.icc == b"some profile"
    assert metadata.dpi == pytest.approx((300, 150), rel=1e-3)


@pytest.mark.parametrize("packed", [False, True])
def test_xmp_is_read_packed_or_not(packed):
    text = b"<x:xmpmeta/>" * 100
    payload = b"XML:com.adobe.xmp\0" + bytes([packed, 0]) + b"\0\0" + (zlib.compress(text) if packed else text)
    data = with_chunk(encode(noise((4, 4)), "png"), chunk(b"iTXt", payload))
    assert inspect(data, "x").metadata.xmp == text


@pytest.mark.parametrize(
    ("kind", "payload", "what"),
    [(b"iCCP", b"name\0\0garbage", "colour profile"), (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0garbage", "XMP")],
)
def test_broken_metadata_is_a_warning(kind, payload, what):
    data = with_chunk(encode(noise((4, 4)), "png"), chunk(kind, payload))
    assert inspect(data, "x").warnings == (f"its {what} is damaged and left out",)


def test_a_profile_that_grows_without_end_is_left_out():
    bomb = b"name\0\0" + zlib.compress(bytes(70_000_000), 1)
    png = inspect(with_chunk(encode(noise((4, 4)), "png"), chunk(b"iCCP", bomb)), "x")
    assert png.metadata.icc is None
    assert png.warnings
