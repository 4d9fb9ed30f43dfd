"""Pictures that mean harm, and such as hold more than the limit allows: each is made by code here.

`LIMIT` is the number of pixels that the tests allow.
"""

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

import numpy as np
import tifffile
from encoders import dng
from PIL import Image

LIMIT = 1_000_000
HEIGHT, WIDTH = 1000, 1100
BLACK = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
SMALL = np.zeros((10, 10, 3), np.uint8)
OTHER = np.full((10, 10, 3), 200, np.uint8)


def save(pixels: np.ndarray, file_format: str, **options) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, file_format, **options)
    return out.getvalue()


def animation(file_format: str) -> bytes:
    """Three different frames, each within the limit."""
    frames = [Image.fromarray(np.full((700, 700, 3), 80 * number, np.uint8)) for number in range(3)]
    out = io.BytesIO()
    frames[0].save(out, file_format, save_all=True, append_images=frames[1:], duration=100)
    return out.getvalue()


def save_tiff(*pages: np.ndarray, bigtiff: bool = False, **options) -> bytes:
    out = io.BytesIO()
    with tifffile.TiffWriter(out, bigtiff=bigtiff) as writer:
        for page in pages:
            writer.write(page, photometric="rgb", **options)
    return out.getvalue()


def heic() -> bytes:
    import pillow_heif

    out = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(BLACK)).save(out)
    return out.getvalue()


def jxl() -> bytes:
    import pillow_jxl  # noqa: F401 - teaches Pillow the format

    return save(BLACK, "JXL")


OVER: dict[str, Callable[[], bytes]] = {
    "png": lambda: save(BLACK, "PNG"),
    "png-frames": lambda: animation("PNG"),
    "jpeg": lambda: save(BLACK, "JPEG"),
    "jpeg-progressive": lambda: save(BLACK, "JPEG", progressive=True),
    "webp": lambda: save(BLACK, "WEBP"),
    "webp-lossless": lambda: save(BLACK, "WEBP", lossless=True),
    "webp-frames": lambda: animation("WEBP"),
    "tiff": lambda: save_tiff(BLACK),
    "tiff-pages": lambda: save_tiff(*[BLACK[:700, :700]] * 3),
    "tiff-tiles": lambda: save_tiff(BLACK, tile=(256, 256), compression="zlib"),
    "tiff-lzw": lambda: save(BLACK, "TIFF", compression="tiff_lzw"),
    "bigtiff": lambda: save_tiff(BLACK, bigtiff=True),
    "bmp": lambda: save(BLACK, "BMP"),
    "pgm": lambda: save(BLACK[..., 0], "PPM"),
    "jp2": lambda: save(BLACK, "JPEG2000"),
    "j2k": lambda: save(BLACK, "JPEG2000", no_jp2=True),
    "avif": lambda: save(BLACK, "AVIF"),
    "gif": lambda: save(BLACK[..., 0], "GIF"),
    "gif-frames": lambda: animation("GIF"),
}
"""Real pictures of a few more pixels than allowed, all frames and pages together."""
if find_spec("pillow_heif"):
    OVER["heic"] = heic
if find_spec("pillow_jxl"):
    OVER["jxl"] = jxl
if find_spec("rawpy"):
    OVER["raw"] = lambda: dng(shape=(HEIGHT, WIDTH))


# Headers that claim what is not there, and data that grow to more than the header claims


def chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def png(*chunks: bytes, sides: tuple[int, int] = (10, 10), pixels: bytes | None = None) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", *sides, 8, 0, 0, 0, 0))
    pixels = zlib.compress(bytes(sides[1] * (sides[0] + 1))) if pixels is None else pixels
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def zeros(megabytes: int) -> bytes:
    """Deflated zeros, a thousandth as long."""
    press = zlib.compressobj(1)
    return b"".join([*(press.compress(bytes(1 << 20)) for _ in range(megabytes)), press.flush()])


BOMB = zeros(150)
CONTROL = struct.pack(">5I2H2B", 0, 10, 10, 0, 0, 1, 10, 0, 0)


def patched(data: bytes, mark: bytes, ahead: int, numbers: str, *values: int) -> bytes:
    """Write numbers over what stands so many bytes ahead of a mark."""
    changed = bytearray(data)
    struct.pack_into(numbers, changed, data.index(mark) + ahead, *values)
    return bytes(changed)


def tiff(body: bytes, **changes: int) -> bytes:
    """A gray TIFF of 10 x 10 pixels in one strip or tile, its fields changed as told."""
    names = {"width": 256, "height": 257, "bits": 258, "compression": 259, "photometric": 262, "samples": 277}
    names |= {"strips": 273, "rows": 278, "counts": 279, "tile_width": 322, "tile_height": 323, "tiles": 324}
    names |= {"tile_counts": 325}
    fields = {"width": 10, "height": 10, "bits": 8, "compression": 8, "photometric": 1, "samples": 1} | changes
    if "tiles" not in fields:
        fields = {"strips": 8, "rows": 10, "counts": len(body)} | fields
    body += b"\0" * (len(body) % 2)
    table = b"".join(struct.pack("<HHII", names[name], 4, 1, fields[name]) for name in sorted(fields, key=names.get))
    return struct.pack("<2sHI", b"II", 42, 8 + len(body)) + body + struct.pack("<H", len(fields)) + table + bytes(4)


def huge_tile(compression: int, *sides: int) -> bytes:
    return tiff(
        BOMB,
        compression=compression,
        tiles=8,
        tile_counts=len(BOMB),
        tile_width=sides[0],
        tile_height=sides[1],
    )


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def decoy(before: bool) -> bytes:
    """A JPEG 2000 in which the head of a small codestream stands where a careless reader finds it first."""
    real, small = save(BLACK, "JPEG2000"), save(SMALL, "JPEG2000", no_jp2=True)[:60]
    header = real.index(b"jp2h") - 4
    if before:
        return real[:header] + box(b"uuid", bytes(16) + small) + real[header:]
    end = header + int.from_bytes(real[header : header + 4])
    inner = real[header + 8 : end] + box(b"jp2c", small)
    return real[:header] + box(b"jp2h", inner) + real[end:]


def webp_canvas() -> bytes:
    """A canvas of 10 x 10 pixels, and a picture of more."""
    body = save(BLACK, "WEBP", lossless=True)[12:]
    canvas = b"VP8X" + struct.pack("<I4x", 10) + (9).to_bytes(3, "little") * 2
    return b"RIFF" + struct.pack("<I", 4 + len(canvas) + len(body)) + b"WEBP" + canvas + body


def second_frame_header() -> bytes:
    """A JPEG with a small frame header behind the large one."""
    large, small = save(BLACK[..., 0], "JPEG"), save(SMALL[..., 0], "JPEG")
    start = small.index(b"\xff\xc0")
    header = small[start : start + 2 + int.from_bytes(small[start + 2 : start + 4])]
    scan = large.index(b"\xff\xda")
    return large[:scan] + header + large[scan:]


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("picture.png", bytes(50 << 20))
    return out.getvalue()


SVG = b"""<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/><text>&b;&b;&b;</text></svg>"""

MANY = 12_000
"""Frames, more than anybody needs."""


def many_frames(file_format: str) -> bytes:
    """Frames of one pixel, in as few bytes as may be."""
    if file_format == "png":
        control = [chunk(b"fcTL", struct.pack(">5I2H2B", number, 1, 1, 0, 0, 1, 10, 0, 0)) for number in range(MANY)]
        return png(chunk(b"acTL", struct.pack(">II", MANY, 0)), *control, sides=(1, 1))
    if file_format == "gif":
        frame = b"\x21\xf9\x04\x04\x01\0\0\0\x2c" + struct.pack("<4HB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
        return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6) + frame * MANY + b";"
    if file_format == "webp":
        still = save(SMALL[:1, :1], "WEBP", lossless=True)[12:]
        frame = b"ANMF" + struct.pack("<I", 16 + len(still)) + bytes(12) + b"\x0a\0\0\0" + still
        body = b"WEBPVP8X\x0a\0\0\0\x02" + bytes(9) + b"ANIM\x06\0\0\0" + bytes(6) + frame * MANY
        return b"RIFF" + struct.pack("<I", len(body)) + body
    fields = [(256, 1), (257, 1), (258, 8), (259, 1), (262, 1), (273, 0), (277, 1), (278, 1), (279, 1)]
    entries = b"".join(struct.pack("<HHII", tag, 3, 1, value) for tag, value in fields)
    size = len(entries) + 6
    pages = [
        struct.pack("<H", len(fields)) + entries + struct.pack("<I", 8 + size * (number + 1)) for number in range(MANY)
    ]
    return struct.pack("<2sHI", b"II", 42, 8) + b"".join(pages)[:-4] + bytes(4)


def many_scans() -> bytes:
    data = save(SMALL, "JPEG", progressive=True)
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * 2000 + data[-2:]


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    **{name: (make, f"more than {LIMIT}") for name, make in OVER.items()},
    "png-claims": (lambda: png(sides=(40_000, 30_000), pixels=b""), "40000 x 30000"),
    "png-claims-most": (lambda: png(sides=(2**31 - 1, 2**31 - 1), pixels=b""), "2147483647 x 2147483647"),
    "png-expands": (lambda: png(pixels=BOMB), "far more than its picture"),
    "png-frame-expands": (
        lambda: png(
            chunk(b"acTL", struct.pack(">II", 1, 0)),
            chunk(b"IDAT", zlib.compress(bytes(110))),
            chunk(b"fcTL", CONTROL),
            chunk(b"fdAT", bytes(4) + BOMB),
            pixels=b"",
        ),
        "damaged",
    ),
    "jpeg-claims": (lambda: patched(save(SMALL, "JPEG"), b"\xff\xc0", 5, ">HH", 65500, 65500), "65500 x 65500"),
    "jpeg-two-headers": (second_frame_header, "damaged"),
    "webp-claims": (lambda: patched(save(SMALL, "WEBP", lossless=True), b"VP8L", 9, "<I", 0xFFFFFFF), "16384 x 16384"),
    "webp-canvas": (webp_canvas, "damaged"),
    "tiff-claims": (lambda: tiff(BOMB, width=2**31, height=2**31), "2147483648 x 2147483648"),
    "tiff-tile-deflate": (lambda: huge_tile(8, 20_000, 15_000), "damaged"),
    "tiff-tile-lzw": (lambda: huge_tile(5, 20_000, 15_000), "damaged"),
    "tiff-tile-2-31": (lambda: huge_tile(8, 2**31 - 1, 2**31 - 1), "damaged"),
    "tiff-thin-tiles": (
        lambda: tiff(BOMB, width=1, tiles=8, tile_counts=1, tile_width=2**30, tile_height=16),
        "damaged",
    ),
    "bmp-claims": (lambda: patched(save(SMALL, "BMP"), b"BM", 18, "<ii", 2**31 - 1, 2**31 - 1), "2147483647 x 21"),
    "bmp-upside-down": (lambda: patched(save(SMALL, "BMP"), b"BM", 22, "<i", -(2**31)), "2147483648"),
    "pnm-claims": (lambda: b"P5\n1000000000 1000000000\n255\n", "1000000000 x 1000000000"),
    "pnm-digits": (lambda: b"P5\n" + b"9" * 5000 + b" 1\n255\n", "damaged"),
    "j2k-claims": (
        lambda: patched(save(SMALL, "JPEG2000", no_jp2=True), b"\xff\x51", 6, ">II", 2**31, 2**31),
        "2147483648 x 2147483648",
    ),
    "jp2-decoy": (lambda: decoy(before=True), f"more than {LIMIT}"),
    "jp2-inner-decoy": (lambda: decoy(before=False), f"more than {LIMIT}"),
    "gif-claims": (lambda: patched(save(SMALL, "GIF"), b"GIF8", 6, "<HH", 65535, 65535), "65535 x 65535"),
    **{
        f"{name}-frames-galore": (partial(many_frames, name), "more than 10000 frames")
        for name in ("png", "gif", "webp")
    },
    "tiff-pages": (lambda: many_frames("tiff"), "more than 10000 frames or pages"),
    "jpeg-scans": (many_scans, "more than 100 scans"),
    "svg": (lambda: SVG, "not a picture"),
    "svgz": (lambda: gzip.compress(SVG + bytes(50 << 20), 1), "not a picture"),
    "zip": (zipped, "not a picture"),
    "postscript": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) (r) file\n", "not a picture"),
}
"""Name -> what makes the file, and what its refusal says."""

HARMLESS: dict[str, Callable[[], bytes]] = {
    "png-text": lambda: png(chunk(b"zTXt", b"a\0\0" + BOMB)),
    "png-international-text": lambda: png(chunk(b"iTXt", b"a\0\1\0\0\0" + BOMB)),
    "png-profile": lambda: png(chunk(b"iCCP", b"a\0\0" + BOMB)),
    "png-xmp": lambda: png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + BOMB)),
    "tiff-strip": lambda: tiff(BOMB),
}
"""What expands without end where it is read to its end, and need not be to clean the picture."""
