"""Files <-> pixels: every format, by the module that knows it.

Pixels are HxW gray, HxWx2 gray with alpha, HxWx3 RGB or HxWx4 RGBA; uint8, uint16, or float32 from TIFF; as stored,
that is not turned as the metadata's orientation says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.errors import ImageError
from denoise_ae.imagefiles import jpeg, opencv
from denoise_ae.imagefiles.animation import changed, compose
from denoise_ae.imagefiles.formats import DEFAULT_MAX_PIXELS, format_name
from denoise_ae.imagefiles.gif import encode_gif, read_gif
from denoise_ae.imagefiles.headers import Inspected, inspect
from denoise_ae.imagefiles.heic import encode_heic
from denoise_ae.imagefiles.metadata import Metadata, read_tiff_metadata, upright_metadata
from denoise_ae.imagefiles.opencv import DEFAULT_QUALITY
from denoise_ae.imagefiles.picture import Frame, Header, Picture
from denoise_ae.imagefiles.pillow import decode_with_pillow
from denoise_ae.imagefiles.png import encode_animated_png, encode_png
from denoise_ae.imagefiles.tiff_read import read_pixels
from denoise_ae.imagefiles.tiff_write import encode_tiff
from denoise_ae.imagefiles.webp import join_animation
from denoise_ae.pixels.convert import chunks, from_unit, split_alpha, to_unit, upright
from denoise_ae.system.files import read_whole

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
    "heic": (np.uint8, np.uint16),
}
"""What a format can store; anything else becomes the last of them."""
_WITHOUT_ALPHA = ("jpeg", "pnm")
_ANIMATED = ("png", "webp", "gif")
_TURNED_BY_EXIF = ("png", "jpeg", "webp", "tiff", "avif")
"""What viewers turn as EXIF says; the others are written upright."""
_WITH_EXIF = (*_TURNED_BY_EXIF, "jpeg2000", "heic")
_HEIC_BITS = 12
"""How 16 bits are stored in a HEIC, unless its source has 10."""


def read_image(path: str | Path, max_pixels: int = DEFAULT_MAX_PIXELS) -> Picture:
    """Read and decode a file that holds one picture.

    Raises:
        ImageError: it can't be read, it holds several pages or an animation, or see `decode`.
    """
    try:
        data, _ = read_whole(Path(path))
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
    header = found.header
    if header.format == "bmp":
        decoded = decode_with_pillow(data, header.format, header.mode)
        if decoded is None:  # run lengths may leave pixels out, which only OpenCV's decoder accepts
            decoded = opencv.decode(data)
    else:
        decoded = opencv.decode(data)
    if decoded is None and header.format == "avif":
        decoded = decode_with_pillow(data, header.format, header.mode)
        if decoded is not None and header.bits > 8:
            message = f"{name}: this {format_name(header.format)} can't be decoded in its {header.bits} bits"
            raise ImageError(message, "convert it to PNG or TIFF first")
    if decoded is None or decoded.shape[:2] != size:
        kind = format_name(header.format)
        raise ImageError(f"{name}: this {kind} is cut short or damaged", "get the file again from its source")
    return _as_stored(decoded, header, found.png.transparent if found.png else None)


def _decode_pages(data: bytes, found: Inspected, name: str) -> Picture:
    frames, warnings = [], list(found.warnings)
    described = 0
    for number, layout in enumerate(found.pages):
        pixels, extra, notes = read_pixels(data, layout, name)
        metadata, complaints = (found.metadata, ()) if number == 0 else read_tiff_metadata(data, layout.directory)
        described += sum(len(part or b"") for part in (metadata.exif, metadata.icc, metadata.xmp))
        if described > 2 * len(data):  # thousands of pages may all point to one profile
            raise ImageError(f"{name}: the pages of this TIFF share what should be each one's own", "save it anew")
        frames.append(Frame(pixels, metadata, extra=extra))
        warnings += (*complaints, *notes)
    return Picture(frames, found.header, tuple(dict.fromkeys(warnings)))


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
    return all((rows[..., :1] == rows[..., 1:3]).all() for rows in chunks(pixels))


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
        file_format: as `denoise_ae.imagefiles.formats.format_for` names it.
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

    What a format can't store is converted: 16 bits to 8 for JPEG, WebP and BMP, to 12 for AVIF and HEIC; floating
    point, but for TIFF, from [0, 1] to the deepest integers of the format (outside is clipped, NaN is black). Alpha is
    dropped where all of it is opaque and the format has none. A picture is turned upright where EXIF can't say how it
    is turned.

    Args:
        frames: of uint8, uint16 or float32; left as they are. What their metadata say of orientation must be true.
        file_format: as `denoise_ae.imagefiles.formats.format_for` names it.
        quality: 1 to 100 for JPEG, WebP, AVIF and HEIC; None takes the source's own where it is known (JPEG to JPEG),
            and else 95, but WebP made from what was stored without loss is lossless. AVIF and HEIC with alpha are
            always lossless.
        like: the source's header, which says too how often an animation is shown, and that a TIFF is a BigTIFF.
        name: the picture in messages.

    Raises:
        ImageError: transparent pixels in a format without alpha, a picture too large for it, several pages or an
            animation in a format that has none, or an unknown format.
    """
    if quality is not None and not 1 <= quality <= 100:
        raise ImageError(f"quality {quality} is not between 1 and 100")
    animated = frames[-1].duration is not None
    side = max(max(frame.pixels.shape[:2]) for frame in frames)
    _check_held(file_format, side, len(frames), animated=animated, name=name)
    frames = [_as_held(frame, file_format, name) for frame in frames]
    if animated:
        parameters = opencv.choose(file_format, quality, like)
        return _encode_animation(frames, file_format, parameters, like.plays if like else 1, name)
    if file_format == "tiff":
        return encode_tiff(frames, big=like is not None and like.bigtiff)
    (frame,) = frames
    if file_format == "heic":
        bits = 10 if like and like.bits == 10 else _HEIC_BITS
        return encode_heic(frame.pixels, frame.metadata, quality or DEFAULT_QUALITY, bits, name)
    if file_format in {"png", "gif", "pnm"}:
        return _encode_simply(frame, file_format, name)
    return opencv.encode(frame, file_format, opencv.choose(file_format, quality, like), name)


def check_held(header: Header, file_format: str, name: str) -> None:
    """Find out before long work what `encode_frames` would refuse after it, as far as a header tells.

    Args:
        header: the picture's.
        file_format: what it is to be written as, as `denoise_ae.imagefiles.formats.format_for` names it.
        name: the picture in messages.

    Raises:
        ImageError: it is too large for that format, or an animation or several pages that it can't hold.
    """
    animated = header.frames > 1 and header.format in _ANIMATED
    _check_held(file_format, max(header.width, header.height), header.frames, animated=animated, name=name)


def _check_held(file_format: str, side: int, frames: int, *, animated: bool, name: str) -> None:
    kind = format_name(file_format)
    if file_format not in _DEPTHS:
        raise ImageError(f"{name}: {kind} can't be written", "choose PNG, JPEG, WebP or TIFF with --format")
    if animated and file_format not in _ANIMATED:
        raise ImageError(f"{name}: {kind} holds no animation", "write it as PNG, WebP or GIF")
    if frames > 1 and not animated and file_format != "tiff":
        raise ImageError(f"{name}: {kind} holds one page, not {frames}", "write it as TIFF")
    largest = _LARGEST.get(file_format, side)
    if side > largest:
        raise ImageError(f"{name}: a {kind} has {largest} pixels on a side at most", "write it as PNG or TIFF")


def _encode_simply(frame: Frame, file_format: str, name: str) -> bytes:
    """Encode as what has nothing to choose."""
    if file_format == "png":
        return encode_png(frame.pixels, frame.metadata)
    return encode_gif([frame], 1, name) if file_format == "gif" else _encode_pnm(frame.pixels)


def _as_held(frame: Frame, file_format: str, name: str) -> Frame:
    """Turn a frame into what a format can hold."""
    pixels, metadata = frame.pixels, frame.metadata
    held = file_format in _WITH_EXIF and (file_format != "jpeg" or jpeg.can_hold(metadata))
    if not held or file_format not in _TURNED_BY_EXIF:
        pixels = upright(pixels, metadata.orientation)
        metadata = upright_metadata(metadata)
        metadata = metadata if held else replace(metadata, exif=None)
    return Frame(_fit(pixels, file_format, name), metadata, frame.duration, frame.extra)


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
    for rows, target in zip(chunks(pixels), chunks(fitted), strict=True):
        target[:] = from_unit(np.nan_to_num(to_unit(rows), nan=0, posinf=1, neginf=0), depths[-1])
    return fitted


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
        still = opencv.encode(part, "webp", parameters, name)
        stills.append((frame, still, columns.start, rows.start, part.pixels.shape[1], part.pixels.shape[0]))
    alpha = before is not None and before.ndim == 3 and before.shape[2] in {2, 4}
    return join_animation(frames[0].pixels.shape[:2], stills, plays, alpha=alpha)


def _encode_pnm(pixels: NDArray[Any]) -> bytes:
    height, width = pixels.shape[:2]
    head = f"P{5 if pixels.ndim == 2 else 6}\n{width} {height}\n{np.iinfo(pixels.dtype).max}\n".encode()
    return b"".join([head, np.ascontiguousarray(pixels, pixels.dtype.newbyteorder(">")).data])
