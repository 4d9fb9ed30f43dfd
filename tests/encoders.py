"""Pictures in files of other programs: OpenCV, Pillow, tifffile, libvips, libheif, libjxl and ImageMagick, if there."""

import io
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

HEIGHT, WIDTH = 48, 64
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH]
RGB = np.dstack([40 + ROWS * 4, 20 + COLUMNS * 3, 128 + ROWS - COLUMNS]).astype(np.uint8)
ALPHA = np.where(ROWS > COLUMNS, 255, 40 + COLUMNS).astype(np.uint8)
GRAY = RGB[..., 0].copy()
KINDS = {"gray": GRAY, "gray+alpha": np.dstack([GRAY, ALPHA]), "rgb": RGB, "rgba": np.dstack([RGB, ALPHA])}
"""8 bits; `deep` makes 16 of them."""


@dataclass(frozen=True)
class Made:
    """A file, and what it shows.

    Attributes:
        name: which tells the program first.
        data: its content.
        pixels: as they should come back, in this shape and type; float32 and uint16 too.
        error: how far they may be off on average, in 8-bit steps, because the format loses something each time.
    """

    name: str
    data: bytes
    pixels: np.ndarray
    error: float = 0


def deep(pixels: np.ndarray) -> np.ndarray:
    """16 bits of which the lower 8 matter."""
    return pixels.astype(np.uint16) * 251 + 77


def levels(bits: int) -> np.ndarray:
    """Gray of few bits, spread over 0 to 255."""
    return (GRAY >> (8 - bits)) * np.uint8(255 // (2**bits - 1))


def pillow(pixels: Any, file_format: str, **options: Any) -> bytes:
    out = io.BytesIO()
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(out, file_format, **options)
    return out.getvalue()


def opencv(pixels: np.ndarray, suffix: str, *options: int) -> bytes:
    swapped = pixels if pixels.ndim == 2 else pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    done, encoded = cv2.imencode(suffix, np.ascontiguousarray(swapped), options)
    assert done
    return encoded.tobytes()


def from_tifffile(pixels: np.ndarray, **options: Any) -> bytes:
    out = io.BytesIO()
    colours = pixels.ndim == 3 and pixels.shape[2] > 2
    extra = {"extrasamples": ["unassalpha"]} if pixels.ndim == 3 and pixels.shape[2] in {2, 4} else {}
    tifffile.imwrite(out, pixels, photometric="rgb" if colours else "minisblack", **extra, **options)
    return out.getvalue()


def by_pillow() -> Iterator[Made]:
    modes = {"gray": "L", "gray+alpha": "LA", "rgb": "RGB", "rgba": "RGBA"}
    images = {kind: Image.fromarray(pixels, modes[kind]) for kind, pixels in KINDS.items()}
    palette = images["rgb"].quantize(16)
    shown = np.asarray(palette.convert("RGB"))
    clear = np.dstack([shown, np.where(np.asarray(palette) == 3, 0, 255).astype(np.uint8)])
    bilevel = images["gray"].point(lambda value: 255 * (value > 100), "1")
    black_white = np.where(GRAY > 100, 255, 0).astype(np.uint8)
    for suffix, form, kinds in (
        ("png", "PNG", KINDS),
        ("tif", "TIFF", KINDS),
        ("bmp", "BMP", ("gray", "rgb")),
        ("ppm", "PPM", ("gray", "rgb")),
        ("jp2", "JPEG2000", ("gray", "rgb", "rgba")),
    ):
        for kind in kinds:
            yield Made(f"pillow-{kind}.{suffix}", pillow(images[kind], form), KINDS[kind])
    for suffix, form in (("png", "PNG"), ("tif", "TIFF"), ("bmp", "BMP"), ("gif", "GIF")):
        yield Made(f"pillow-palette.{suffix}", pillow(palette, form), shown)
        if suffix != "gif":
            yield Made(f"pillow-bilevel.{suffix}", pillow(bilevel, form), black_white)
    yield Made("pillow-palette-transparent.png", pillow(palette, "PNG", transparency=3), clear)
    yield Made("pillow-palette-transparent.gif", pillow(palette, "GIF", transparency=3), clear)
    yield Made("pillow-bilevel.pbm", pillow(bilevel, "PPM"), black_white)
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd", "lzma"):
        yield Made(f"pillow-{compression}.tif", pillow(RGB, "TIFF", compression=compression), RGB)
    yield Made("pillow-group4.tif", pillow(bilevel, "TIFF", compression="group4"), black_white)
    yield Made("pillow-jpeg.tif", pillow(RGB, "TIFF", compression="jpeg", quality=95), RGB, 3)
    for suffix, form in (("png", "PNG"), ("tif", "TIFF"), ("jp2", "JPEG2000"), ("pgm", "PPM")):
        yield Made(f"pillow-16-bit.{suffix}", pillow(deep(GRAY), form), deep(GRAY))
    for chroma in ("4:4:4", "4:2:2", "4:2:0"):
        name = f"pillow-{chroma.replace(':', '')}.jpg"
        yield Made(name, pillow(RGB, "JPEG", quality=85, subsampling=chroma), RGB, 4)
    yield Made("pillow-gray.jpg", pillow(GRAY, "JPEG", quality=85, progressive=True), GRAY, 3)
    for kind in ("rgb", "rgba"):
        yield Made(f"pillow-lossless-{kind}.webp", pillow(images[kind], "WEBP", lossless=True, exact=True), KINDS[kind])
        yield Made(f"pillow-{kind}.webp", pillow(images[kind], "WEBP", quality=90, exact=True), KINDS[kind], 6)
        yield Made(f"pillow-{kind}.avif", pillow(images[kind], "AVIF", quality=90), KINDS[kind], 4)


def by_opencv() -> Iterator[Made]:
    for kind in ("gray", "rgb", "rgba"):
        yield Made(f"opencv-{kind}.png", opencv(deep(KINDS[kind]), ".png"), deep(KINDS[kind]))
    for kind in ("gray", "rgb"):
        pixels = KINDS[kind]
        yield Made(f"opencv-{kind}.jp2", opencv(deep(pixels), ".jp2", *_LOSSLESS_JP2), deep(pixels))
        yield Made(f"opencv-{kind}.ppm", opencv(deep(pixels), ".ppm" if kind == "rgb" else ".pgm"), deep(pixels))
        yield Made(f"opencv-16-bit-{kind}.tif", opencv(deep(pixels), ".tif"), deep(pixels))
        real = pixels.astype(np.float32) / 200 - 0.2
        yield Made(f"opencv-float-{kind}.tif", opencv(real, ".tif"), real)
    yield Made("opencv-lossless.webp", opencv(RGB, ".webp", cv2.IMWRITE_WEBP_QUALITY, 101), RGB)
    yield Made("opencv.bmp", opencv(RGB, ".bmp"), RGB)
    for bits in (10, 12):
        twelve = (RGB.astype(np.uint16) << 4) >> (12 - bits)
        settings = (cv2.IMWRITE_AVIF_DEPTH, bits, cv2.IMWRITE_AVIF_QUALITY, 95)
        shown = np.rint(twelve * (65535 / (2**bits - 1))).astype(np.uint16)
        yield Made(f"opencv-{bits}-bit.avif", opencv(twelve, ".avif", *settings), shown, 4)


_LOSSLESS_JP2 = (cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000)


def by_tifffile() -> Iterator[Made]:
    for kind, pixels in KINDS.items():
        for name, options in {
            "tiled": {"tile": (16, 32)},
            "bigtiff": {"bigtiff": True, "compression": "zlib"},
            "big-endian": {"byteorder": ">", "rowsperstrip": 7},
        }.items():
            yield Made(f"tifffile-{name}-{kind}.tif", from_tifffile(pixels, **options), pixels)
        yield Made(f"tifffile-16-bit-{kind}.tif", from_tifffile(deep(pixels), compression="zlib"), deep(pixels))
        real = pixels.astype(np.float32) / 255
        yield Made(f"tifffile-float-{kind}.tif", from_tifffile(real, compression="zlib", tile=(32, 16)), real)


def by_vips() -> Iterator[Made]:
    import pyvips

    def vips(pixels: np.ndarray, options: str) -> bytes:
        colour = pixels.ndim == 3 and pixels.shape[2] > 2
        names = {np.uint8: ("b-w", "srgb"), np.uint16: ("grey16", "rgb16"), np.float32: ("b-w", "scrgb")}
        image = pyvips.Image.new_from_array(pixels, interpretation=names[pixels.dtype.type][colour])
        return image.write_to_buffer(options)

    for kind, pixels in KINDS.items():
        yield Made(f"vips-interlaced-{kind}.png", vips(pixels, ".png[interlace]"), pixels)
        yield Made(f"vips-16-bit-{kind}.png", vips(deep(pixels), ".png"), deep(pixels))
        for options in ("compression=lzw", "compression=deflate,tile,tile_width=32,tile_height=16", "bigtiff"):
            yield Made(f"vips-{options[:15]}-{kind}.tif", vips(pixels, f".tif[{options}]"), pixels)
    for bits in (1, 2, 4):
        yield Made(f"vips-{bits}-bit.png", vips(levels(bits), f".png[bitdepth={bits}]"), levels(bits))
    yield Made("vips-predictor.tif", vips(deep(RGB), ".tif[compression=lzw,predictor=horizontal]"), deep(RGB))
    yield Made("vips-pages.tif", vips(RGB, ".tif[pyramid,tile,tile_width=16,tile_height=16,subifd]"), RGB)
    yield Made("vips-group4.tif", vips(levels(1), ".tif[compression=ccittfax4,bitdepth=1]"), levels(1))
    yield Made("vips-white-is-zero.tif", vips(GRAY, ".tif[miniswhite]"), GRAY)
    yield Made("vips-float.tif", vips(GRAY.astype(np.float32) / 255, ".tif"), GRAY.astype(np.float32) / 255)
    for chroma, kind in (("off", "444"), ("on", "420")):
        yield Made(f"vips-{kind}.jpg", vips(RGB, f".jpg[Q=80,subsample_mode={chroma}]"), RGB, 4)
    for kind in ("rgb", "rgba"):
        yield Made(f"vips-lossless-{kind}.webp", vips(KINDS[kind], ".webp[lossless,exact]"), KINDS[kind])
        yield Made(f"vips-{kind}.webp", vips(KINDS[kind], ".webp[Q=90,exact]"), KINDS[kind], 6)
    for quality in (80, 95):  # the second of which OpenCV 5.0 can't decode
        yield Made(f"vips-{quality}.avif", vips(RGB, f".avif[Q={quality}]"), RGB, 4)
    # It maps 65535 to the largest number of 10 bits, give or take one.
    yield Made("vips-10-bit.avif", vips(deep(RGB), ".avif[Q=80,bitdepth=10]"), deep(RGB), 4)
    yield Made("vips.gif", vips(levels(2), ".gif"), levels(2), 2)


def by_heif() -> Iterator[Made]:
    import pillow_heif

    for kind in ("gray", "rgb", "rgba"):
        pixels = KINDS[kind]
        mode, exact = {"gray": "L", "rgb": "RGB", "rgba": "RGBA"}[kind], kind == "rgba"
        out = io.BytesIO()
        options = {"quality": -1, "chroma": 444, "matrix_coefficients": 0} if exact else {"quality": 90}
        pillow_heif.encode(mode, (WIDTH, HEIGHT), pixels.tobytes(), out, **options)
        yield Made(f"heif-{kind}.heic", out.getvalue(), pixels, 0 if exact else 4)
    out = io.BytesIO()
    pillow_heif.encode("RGB;16", (WIDTH, HEIGHT), deep(RGB).tobytes(), out, quality=95)
    yield Made("heif-10-bit.heic", out.getvalue(), deep(RGB), 4)


def by_jxl() -> Iterator[Made]:
    import pillow_jxl

    assert pillow_jxl.Encoder  # imported for what it adds to Pillow
    for kind, pixels in KINDS.items():
        image = Image.fromarray(pixels, {"gray": "L", "gray+alpha": "LA", "rgb": "RGB", "rgba": "RGBA"}[kind])
        yield Made(f"jxl-{kind}.jxl", pillow(image, "JXL", lossless=True), pixels)
    yield Made("jxl-16-bit.jxl", pillow(deep(GRAY), "JXL", lossless=True), deep(GRAY))


def magick() -> str | None:
    """ImageMagick's command, if there is one: others have programs of the name `convert` too."""
    for name in ("magick", "convert"):
        if found := shutil.which(name):
            told = subprocess.run([found, "-version"], capture_output=True, check=False).stdout
            if told.startswith(b"Version: ImageMagick"):
                return found
    return None


def by_magick() -> Iterator[Made]:
    command = magick()
    assert command
    with tempfile.TemporaryDirectory() as folder:

        def convert(pixels: np.ndarray, name: str, *words: str) -> bytes:
            source, result = Path(folder, "source.png"), Path(folder, name)
            source.write_bytes(opencv(pixels, ".png") if pixels.dtype == np.uint16 else pillow(pixels, "PNG"))
            subprocess.run([command, source, "-strip", *words, f"{_PREFIX.get(name, '')}{result}"], check=True)
            return result.read_bytes()

        for pixels, name, words, error in (
            (RGB, "magick-24.png", ("-define", "png:color-type=2"), 0),
            (deep(RGB), "magick-48.png", ("-depth", "16"), 0),
            (levels(1), "magick-1-bit.png", ("-depth", "1"), 0),
            (levels(2), "magick-2-bit.png", ("-depth", "2", "-define", "png:bit-depth=2"), 0),
            (levels(4), "magick-4-bit.png", ("-depth", "4"), 0),
            (KINDS["rgba"], "magick-rgba.tif", ("-compress", "LZW"), 0),
            (deep(RGB), "magick-16-bit.tif", ("-compress", "Zip", "-depth", "16"), 0),
            (GRAY, "magick-tiled.tif", ("-define", "tiff:tile-geometry=16x16"), 0),
            (RGB, "magick-3.bmp", (), 0),
            (KINDS["rgba"], "magick-rgba.bmp", (), 0),
            (levels(4), "magick-palette.bmp", (), 0),
            (RGB, "magick-16-bit.bmp", ("-define", "bmp:subtype=RGB565"), 5),
            (RGB, "magick.ppm", (), 0),
            (deep(GRAY), "magick-16-bit.pgm", ("-depth", "16"), 0),
            (RGB, "magick-411.jpg", ("-quality", "85", "-sampling-factor", "4x1"), 6),
            (RGB, "magick-420.jpg", ("-quality", "85", "-sampling-factor", "2x2"), 4),
            (GRAY, "magick-gray.jpg", ("-quality", "85"), 3),
            (levels(2), "magick.gif", (), 0),
        ):
            yield Made(name, convert(pixels, name, *words), pixels, error)


_PREFIX = {"magick-3.bmp": "BMP3:"}

PROGRAMS: dict[str, tuple[Callable[[], Iterator[Made]], str | None]] = {
    "Pillow": (by_pillow, None),
    "OpenCV": (by_opencv, None),
    "tifffile": (by_tifffile, None),
    "libvips": (by_vips, "pyvips"),
    "libheif": (by_heif, "pillow_heif"),
    "libjxl": (by_jxl, "pillow_jxl"),
    "ImageMagick": (by_magick, None),
}
"""Name -> what makes its files, and the package that it needs beyond those that cleaning needs."""


def look(path: Path, like: np.ndarray) -> np.ndarray:
    """See a file with a program of others, in the channels of other pixels: what has more is not hidden."""
    suffix = path.suffix.lower()
    if suffix == ".tif":
        return tifffile.imread(path)
    if suffix == ".heic":
        import pillow_heif

        return np.asarray(pillow_heif.open_heif(path, convert_hdr_to_8bit=like.dtype == np.uint8))
    if suffix in {".png", ".jp2", ".ppm", ".pgm", ".pbm", ".avif"}:
        seen = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
        if seen.dtype == np.uint16 and suffix == ".avif":
            seen = np.rint(seen * (65535 / 4095)).astype(np.uint16)
        if seen.ndim == 3 and like.ndim == 3:
            return seen[..., [0, 3]] if like.shape[2] == 2 else seen[..., [2, 1, 0, 3][: seen.shape[2]]]
        return seen
    image = Image.open(path)
    if image.mode == "P":
        image = image.convert({2: "L", 3: "RGBA" if like.ndim == 3 and like.shape[2] == 4 else "RGB"}[like.ndim])
    return np.asarray(image)


def dng(orientation=1, shape=(96, 128)):
    """Let tifffile write what a camera would: a gray ramp behind a Bayer pattern of red, green and blue."""
    pytest.importorskip("rawpy")
    mosaic = np.tile((2000 + np.arange(shape[1]) * 200).astype(np.uint16), (shape[0], 1))
    unit = [(1, 1), (0, 1), (0, 1), (0, 1), (1, 1), (0, 1), (0, 1), (0, 1), (1, 1)]
    tags = [
        (271, "s", 0, "Camera & Sons", True),
        (272, "s", 0, "Box", True),
        (274, "H", 1, orientation, True),
        (33421, "H", 2, (2, 2), True),
        (33422, "B", 4, bytes([0, 1, 1, 2]), True),
        (50706, "B", 4, bytes([1, 4, 0, 0]), True),
        (50708, "s", 0, "Camera & Sons Box", True),
        (50714, "H", 1, 0, True),
        (50717, "H", 1, 65535, True),
        (50721, "2i", 9, [number for pair in unit for number in pair], True),
        (50728, "2I", 3, [1, 1, 1, 1, 1, 1], True),
        (50778, "H", 1, 21, True),
    ]
    out = io.BytesIO()
    tifffile.imwrite(out, mosaic, photometric=32803, extratags=tags, metadata=None, software=None)
    return out.getvalue()
