"""Files <-> pixels. The only importer of cv2: decodes and encodes all but TIFF and GIF, and writes neither PNG nor PNM.

Pixels are HxW gray, HxWx2 gray with alpha, HxWx3 RGB or HxWx4 RGBA; uint8, uint16, or float32 from TIFF; as stored,
that is not turned as the metadata's orientation says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from denoise_ae.errors import ImageError
from denoise_ae.frames import Frame, changed, compose
from denoise_ae.gif import encode_gif, read_gif
from denoise_ae.headers import DEFAULT_MAX_PIXELS, FORMATS, Header, Inspected, format_name, inspect
from denoise_ae.jpeg import add_metadata, can_hold
from denoise_ae.metadata import METRE, Metadata, read_tiff_metadata
from denoise_ae.pixels import from_unit, split_alpha, to_unit, upright
from denoise_ae.png import encode_animated_png, encode_png
from denoise_ae.tiff import read_pixels
from denoise_ae.tiff_writer import encode_tiff
from denoise_ae.webp import join_animation

DEFAULT_QUALITY = 95
"""Quality of lossy formats where the source's own is unknown."""

_LARGEST = {"jpeg": 65500, "webp": 16383}
"""Pixels on a side that a format's library accepts."""
_DEPTHS: dict[str, tuple[type[np.generic], ...]] = {
    "png": (np.uint8, np.uint16),
    "jpeg": (np.uint8,),
    "webp": (np.uint8,),
    "tiff": (np.uint8, np.uint16, np.float32),
    "bmp": (np.uint8,),
    "pnm": (np.uint8, np.uint16),
    "jpeg2000": (np.uint8, np.uint16),
    "avif": (np.uint8, np.uint16),
    "gif": (np.uint8,),
}
"""What a format can store; anything else becomes the last of them."""
_SUFFIXES = {"jpeg": ".jpg", "webp": ".webp", "bmp": ".bmp", "jpeg2000": ".jp2", "avif": ".avif"}
"""Format -> the suffix by which OpenCV knows it."""
_WITHOUT_ALPHA = ("jpeg", "pnm")
_ANIMATED = ("png", "webp", "gif")
_WITH_EXIF = ("png", "jpeg", "webp", "tiff", "avif")
_BMP_RESOLUTION = 38
"""Where a BMP has its dots per metre, two 32-bit numbers."""
_AVIF_BITS = 12
"""How 16 bits are stored in an AVIF, which has no more."""
_CHUNK_PIXELS = 1 << 18
"""Pixels that are converted at a time, so that temporary copies stay small."""

# Errors are raised, as one line; OpenCV would print its own as well.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


@dataclass
class Picture:
    """A decoded file.

    Attributes:
        frames: its picture, its pages, or the frames of its animation; pixels are C-contiguous.
        header: what the file says of itself.
        warnings: what could not be read, but does not matter to the pixels.
    """

    frames: list[Frame]
    header: Header
    warnings: tuple[str, ...] = ()

    @property
    def pixels(self) -> NDArray[Any]:
        """The first frame's: HxW, HxWx2, HxWx3 or HxWx4."""
        return self.frames[0].pixels

    @property
    def metadata(self) -> Metadata:
        """EXIF, ICC, XMP and resolution of the first frame, to hand on to `encode`."""
        return self.frames[0].metadata


def format_for(path_or_suffix: str | Path) -> str:
    """Tell by a file name, or by a suffix with its dot, which format to write.

    Raises:
        ImageError: the suffix is unknown, or its format can't be written.
    """
    text = str(path_or_suffix)
    suffix = (Path(text).suffix or text).lower()
    if suffix not in FORMATS:
        hint = "name it .png, .jpg, .webp, .tif, .gif, .bmp, .ppm, .jp2 or .avif"
        raise ImageError(f"{text}: pictures can't be written as this", hint)
    return FORMATS[suffix]


def read(path: str | Path, max_pixels: int = DEFAULT_MAX_PIXELS) -> Picture:
    """Read and decode a file that holds one picture.

    Raises:
        ImageError: it can't be read, it holds several pages or an animation, or see `decode`.
    """
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise ImageError(f"{path}: there is no such file") from error
    except IsADirectoryError as error:
        raise ImageError(f"{path}: this is a folder, not a picture") from error
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        raise ImageError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    picture = decode(data, str(path), max_pixels)
    if len(picture.frames) > 1:
        kind = "pages" if picture.frames[-1].duration is None else "frames"
        raise ImageError(f"{path}: has {len(picture.frames)} {kind}", "save the one that you want as a file of its own")
    return picture


def decode(data: bytes, name: str, max_pixels: int = DEFAULT_MAX_PIXELS) -> Picture:
    """Decode a file by its content.

    Gray stays gray; 1-bit, 2-bit, 4-bit and palette pictures become the 8-bit gray or RGB(A) that they show.

    Args:
        data: the whole file.
        name: the file in messages.
        max_pixels: width times height that is still accepted.

    Raises:
        ImageError: no picture, a damaged one, one larger than allowed, or one of a kind that is not supported.
    """
    found = inspect(data, name, max_pixels)
    header, warnings = found.header, found.warnings
    if header.format == "tiff":
        return _decode_pages(data, found, name)
    if header.format == "gif":
        return Picture(read_gif(data, name), header, warnings)
    if found.opened:
        pixels, metadata = found.opened.read()
        return Picture([Frame(pixels, metadata)], header, warnings)
    size = header.height, header.width
    container = found.png or found.webp
    if container and container.pieces:
        pieces = (
            (piece, _decode_still(container.still(data, piece), (piece.height, piece.width), found, name))
            for piece in container.pieces
        )
        # In a WebP, alpha may just say which pixels of a piece stay.
        has_alpha = header.format == "png" and header.mode in {"gray+alpha", "RGBA"}
        shown = zip(container.pieces, compose(size, pieces, has_alpha=has_alpha), strict=True)
        return Picture([Frame(pixels, found.metadata, piece.duration) for piece, pixels in shown], header, warnings)
    pixels = _decode_still(found.png.pixel_data(data) if found.png else data, size, found, name)
    return Picture([Frame(pixels, found.metadata)], header, warnings)


def _decode_still(data: bytes, size: tuple[int, int], found: Inspected, name: str) -> NDArray[Any]:
    decoded = _decode_with_opencv(data)
    if decoded is None or decoded.shape[:2] != size:
        kind = format_name(found.header.format)
        raise ImageError(f"{name}: this {kind} is cut short or damaged", "get the file again from its source")
    return _as_stored(decoded, found.header, found.png.transparent if found.png else None)


def _decode_pages(data: bytes, found: Inspected, name: str) -> Picture:
    frames, warnings = [], list(found.warnings)
    described = 0
    for number, layout in enumerate(found.pages):
        pixels, notes = read_pixels(data, layout, name)
        metadata, complaints = (found.metadata, ()) if number == 0 else read_tiff_metadata(data, layout.directory)
        described += sum(len(part or b"") for part in (metadata.exif, metadata.icc, metadata.xmp))
        if described > 2 * len(data):  # thousands of pages may all point to one profile
            raise ImageError(f"{name}: the pages of this TIFF share what should be each one's own", "save it anew")
        frames.append(Frame(pixels, metadata))
        warnings += (*complaints, *notes)
    return Picture(frames, found.header, tuple(dict.fromkeys(warnings)))


def _decode_with_opencv(data: bytes) -> NDArray[Any] | None:
    """Decode to gray, RGB or RGBA; None where OpenCV finds the data wanting."""
    try:
        # "Unchanged" keeps the depth and the alpha, and does not turn the picture.
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if pixels is not None and pixels.ndim == 3:
        code = cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
        for rows in _chunks(pixels):
            rows[:] = cv2.cvtColor(rows, code)
    return pixels


def _chunks(pixels: NDArray[Any]) -> list[NDArray[Any]]:
    """Cut into views of a few rows each."""
    step = max(1, _CHUNK_PIXELS // pixels.shape[1])
    return [pixels[top : top + step] for top in range(0, len(pixels), step)]


def _as_stored(pixels: NDArray[Any], header: Header, transparent: bytes | None) -> NDArray[Any]:
    """Undo what OpenCV makes of the channels and of depths between 8 and 16 bits."""
    if 8 < header.bits < 16:
        pixels = np.rint(np.arange(2**header.bits) * (65535 / (2**header.bits - 1))).astype(np.uint16)[pixels]
    if header.mode == "gray+alpha" and pixels.ndim == 3:
        return np.ascontiguousarray(pixels[..., ::3])
    if header.mode == "gray" and transparent is not None:
        peak = np.iinfo(pixels.dtype).max
        key = int.from_bytes(transparent) * (peak // (2**header.bits - 1))
        return np.dstack([pixels, np.where(pixels == key, 0, peak).astype(pixels.dtype)])
    if header.mode == "palette" and pixels.ndim == 3 and _is_gray(pixels):
        return np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 3 else pixels[..., ::3])
    return pixels


def _is_gray(pixels: NDArray[Any]) -> bool:
    return all((rows[..., :1] == rows[..., 1:3]).all() for rows in _chunks(pixels))


def encode(
    pixels: NDArray[Any],
    file_format: str,
    *,
    metadata: Metadata | None = None,
    quality: int | None = None,
    like: Header | None = None,
    name: str = "the picture",
) -> bytes:
    """Encode a picture; see `encode_frames`.

    Args:
        pixels: HxW, HxWx2, HxWx3 or HxWx4; uint8, uint16 or float32; left as they are.
        file_format: as `format_for` names it.
        metadata: what the file is to say of itself; its orientation must be that of the pixels.
        quality: see `encode_frames`.
        like: the source's header.
        name: the picture in messages.

    Raises:
        ImageError: see `encode_frames`.
    """
    frame = Frame(pixels, metadata or Metadata())
    return encode_frames([frame], file_format, quality=quality, like=like, name=name)


def encode_frames(
    frames: Sequence[Frame],
    file_format: str,
    *,
    quality: int | None = None,
    like: Header | None = None,
    name: str = "the picture",
) -> bytes:
    """Encode a picture, the pages of a document, or an animation.

    What a format can't store is converted: 16 bits to 8 for JPEG, WebP and BMP, to 12 for AVIF; floating point, but for
    TIFF, from [0, 1] to the deepest integers of the format (outside is clipped, NaN is black). Alpha is dropped where
    all of it is opaque and the format has none. A picture is turned upright where the format can't hold the EXIF that
    says how it is turned.

    Args:
        frames: of uint8, uint16 or float32; left as they are. What their metadata say of orientation must be true.
        file_format: as `format_for` names it.
        quality: 1 to 100 for JPEG, WebP and AVIF; None takes the source's own where it is known (JPEG to JPEG), and
            else 95, but WebP made from what was stored without loss is lossless. AVIF with alpha is always lossless.
        like: the source's header, which says too how often an animation is shown.
        name: the picture in messages.

    Raises:
        ImageError: transparent pixels in a format without alpha, a picture too large for it, several pages or an
            animation in a format that has none, or an unknown format.
    """
    if file_format not in _DEPTHS:
        raise ImageError(
            f"{name}: {format_name(file_format)} can't be written", "choose PNG, JPEG, WebP or TIFF with --format"
        )
    if quality is not None and not 1 <= quality <= 100:
        raise ImageError(f"quality {quality} is not between 1 and 100")
    animated = frames[-1].duration is not None
    if animated and file_format not in _ANIMATED:
        raise ImageError(f"{name}: {format_name(file_format)} holds no animation", "write it as PNG, WebP or GIF")
    if len(frames) > 1 and not animated and file_format != "tiff":
        raise ImageError(f"{name}: {format_name(file_format)} holds one page, not {len(frames)}", "write it as TIFF")
    frames = [_as_held(frame, file_format, name) for frame in frames]
    if animated:
        parameters = _parameters(file_format, quality, like)
        return _encode_animation(frames, file_format, parameters, like.plays if like else 1, name)
    if file_format == "tiff":
        return encode_tiff(frames)
    if file_format == "gif":
        return encode_gif(frames, 1, name)
    (frame,) = frames
    if file_format == "png":
        return encode_png(frame.pixels, frame.metadata)
    if file_format == "pnm":
        return _encode_pnm(frame.pixels)
    return _encode_with_opencv(frame, file_format, _parameters(file_format, quality, like), name)


def _as_held(frame: Frame, file_format: str, name: str) -> Frame:
    """Turn a frame into what a format can hold."""
    pixels, metadata = frame.pixels, frame.metadata
    largest = _LARGEST.get(file_format)
    if largest and max(pixels.shape[:2]) > largest:
        raise ImageError(
            f"{name}: a {format_name(file_format)} has {largest} pixels on a side at most", "write it as PNG or TIFF"
        )
    if file_format not in _WITH_EXIF or (file_format == "jpeg" and not can_hold(metadata)):
        pixels = upright(pixels, metadata.orientation)
        dpi = metadata.resolution
        metadata = replace(metadata, exif=None, dpi=dpi[::-1] if dpi and metadata.orientation > 4 else dpi)
    return Frame(_fit(pixels, file_format, name), metadata, frame.duration)


def _fit(pixels: NDArray[Any], file_format: str, name: str) -> NDArray[Any]:
    """Give pixels the depth and the channels that a format can store."""
    if file_format in _WITHOUT_ALPHA:
        pixels, alpha = split_alpha(pixels)
        if alpha is not None and (alpha != (1 if alpha.dtype.kind == "f" else np.iinfo(alpha.dtype).max)).any():
            raise ImageError(
                f"{name}: {format_name(file_format)} can't hold transparency", "write it as PNG, WebP or TIFF"
            )
    depths = _DEPTHS[file_format]
    if pixels.dtype in depths:
        return pixels
    fitted = np.empty(pixels.shape, depths[-1])
    for rows, target in zip(_chunks(pixels), _chunks(fitted), strict=True):
        target[:] = from_unit(np.nan_to_num(to_unit(rows), nan=0, posinf=1, neginf=0), depths[-1])
    return fitted


def _parameters(file_format: str, quality: int | None, like: Header | None) -> list[int]:
    """Choose OpenCV's settings for a format."""
    if file_format == "jpeg":
        own = like.quality if like else None
        sampling = (like.chroma if like else None) or "4:4:4"
        factor = getattr(cv2, "IMWRITE_JPEG_SAMPLING_FACTOR_" + sampling.replace(":", ""))
        return [cv2.IMWRITE_JPEG_QUALITY, quality or own or DEFAULT_QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor]
    if file_format == "webp" and quality is None and like is not None and like.lossless:
        return [cv2.IMWRITE_WEBP_LOSSLESS_MODE, cv2.IMWRITE_WEBP_LOSSLESS_PRESERVE_COLOR]
    if file_format == "webp":
        return [cv2.IMWRITE_WEBP_QUALITY, quality or DEFAULT_QUALITY]
    if file_format == "avif":
        return [cv2.IMWRITE_AVIF_QUALITY, quality or DEFAULT_QUALITY]
    return [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000] if file_format == "jpeg2000" else []


def _encode_animation(frames: Sequence[Frame], file_format: str, parameters: list[int], plays: int, name: str) -> bytes:
    if file_format == "png":
        return encode_animated_png(frames, plays)
    frames = [frame for frame in frames if frame.duration is not None]  # only PNG has a still picture beside
    if file_format == "gif":
        return encode_gif(frames, plays, name)
    stills = []
    before = None
    for frame in frames:
        rows, columns = changed(before, frame.pixels)
        before = frame.pixels
        part = Frame(np.ascontiguousarray(frame.pixels[rows, columns]))
        still = _encode_with_opencv(part, "webp", parameters, name)
        stills.append((frame, still, columns.start, rows.start, part.pixels.shape[1], part.pixels.shape[0]))
    alpha = before is not None and before.ndim == 3 and before.shape[2] in {2, 4}
    return join_animation(frames[0].pixels.shape[:2], stills, plays, alpha=alpha)


def _encode_with_opencv(frame: Frame, file_format: str, parameters: list[int], name: str) -> bytes:
    pixels, metadata = frame.pixels, frame.metadata
    if file_format == "avif" and pixels.dtype == np.uint16:
        pixels = np.rint(np.arange(65536) * ((2**_AVIF_BITS - 1) / 65535)).astype(np.uint16)[pixels]
        parameters = [*parameters, cv2.IMWRITE_AVIF_DEPTH, _AVIF_BITS]
    if file_format == "avif" and pixels.ndim == 3 and pixels.shape[2] in {2, 4}:
        # The one quality is alpha's too, which must stay as it is.
        parameters = [*parameters, cv2.IMWRITE_AVIF_QUALITY, 100]
    held = {cv2.IMAGE_METADATA_EXIF: metadata.exif, cv2.IMAGE_METADATA_XMP: metadata.xmp}
    held[cv2.IMAGE_METADATA_ICCP] = metadata.icc
    # WebP has no gray: a gray profile would be wrong there.
    if file_format == "webp" and metadata.icc and metadata.icc[16:20] == b"GRAY":
        del held[cv2.IMAGE_METADATA_ICCP]
    chunks = {
        kind: np.frombuffer(raw, np.uint8) for kind, raw in held.items() if raw and file_format in {"webp", "avif"}
    }
    try:
        done, encoded = cv2.imencodeWithMetadata(
            _SUFFIXES[file_format], _to_bgr(pixels), list(chunks), list(chunks.values()), parameters
        )
    except cv2.error:
        done = False
    if not done:
        raise ImageError(f"{name}: OpenCV can't write it as {format_name(file_format)}", "write it as PNG or TIFF")
    if file_format == "jpeg":
        return add_metadata(encoded.data, metadata)
    if file_format == "bmp" and (dpi := metadata.resolution):
        dots = [min(round(number / METRE), 2**31 - 1) for number in dpi]
        encoded[_BMP_RESOLUTION : _BMP_RESOLUTION + 8] = np.array(dots, "<i4").view(np.uint8)
    return encoded.tobytes()


def _to_bgr(pixels: NDArray[Any]) -> NDArray[Any]:
    """Copy into OpenCV's order of channels; gray is returned as it is, gray with alpha becomes BGRA."""
    if pixels.ndim == 2:
        return pixels
    if pixels.shape[2] == 2:
        return cv2.merge([pixels[..., 0], pixels[..., 0], pixels[..., 0], pixels[..., 1]])
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_RGBA2BGRA)


def _encode_pnm(pixels: NDArray[Any]) -> bytes:
    height, width = pixels.shape[:2]
    head = f"P{5 if pixels.ndim == 2 else 6}\n{width} {height}\n{np.iinfo(pixels.dtype).max}\n".encode()
    return b"".join([head, np.ascontiguousarray(pixels, pixels.dtype.newbyteorder(">")).data])


def non_local_means(pixels: NDArray[np.uint8], strength: float) -> NDArray[np.uint8]:
    """Clean with OpenCV's non-local means, for comparison (Buades, Coll and Morel, 2005).

    Colour is compared over all channels at once, which cleans better than OpenCV's variant in CIELAB.

    Args:
        pixels: HxW or HxWx3 RGB, uint8.
        strength: OpenCV's h, in 8-bit steps; about the noise's standard deviation.
    """
    return _bytes(cv2.fastNlMeansDenoising(pixels, h=strength))


def jpeg_round_trip(pixels: NDArray[np.uint8], quality: int, *, subsampled: bool = True) -> NDArray[np.uint8]:
    """Encode as JPEG and decode again.

    Args:
        pixels: HxW or HxWx3 RGB, uint8.
        quality: 1 to 100.
        subsampled: keep colour at half the resolution (4:2:0), as most software does, or whole (4:4:4).
    """
    factor = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420 if subsampled else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor]
    _, encoded = cv2.imencode(".jpg", _to_bgr(pixels), settings)
    # "Unchanged" would keep the channels in OpenCV's order.
    return _bytes(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE if pixels.ndim == 2 else cv2.IMREAD_COLOR_RGB))


def _bytes(pixels: Any) -> NDArray[np.uint8]:  # noqa: ANN401
    """Say what type of array it is, of which OpenCV's stubs know less."""
    return np.asarray(pixels, np.uint8)
