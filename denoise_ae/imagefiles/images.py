"""Files <-> pixels: every format, by the module that knows it.

Pixels are HxW gray, HxWx2 gray with alpha, HxWx3 RGB or HxWx4 RGBA; uint8, uint16, or float32 from TIFF; as stored,
that is not turned as the metadata's orientation says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.errors import ImageError
from denoise_ae.imagefiles.formats import DEFAULT_MAX_PIXELS, FORMATS, Format
from denoise_ae.imagefiles.headers import inspect, sniff
from denoise_ae.imagefiles.metadata import Metadata, upright_metadata
from denoise_ae.imagefiles.picture import Encoding, Frame, Header, Picture
from denoise_ae.pixels.convert import chunks, from_unit, peak_of, split_alpha, to_unit, upright
from denoise_ae.system.files import DEFAULT_MAX_BYTES, read_whole


def read_image(path: str | Path, max_pixels: int = DEFAULT_MAX_PIXELS, max_bytes: int = DEFAULT_MAX_BYTES) -> Picture:
    """Read and decode a file that holds one picture.

    Raises:
        ImageError: it can't be read, it holds several pages or an animation, or see `decode`.
    """
    try:
        data, _ = read_whole(Path(path), max_bytes, partial(sniff, name=str(path)))
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


def decode(
    data: bytes, name: str, max_pixels: int = DEFAULT_MAX_PIXELS, *, accept_damaged: bool | None = None
) -> Picture:
    """Decode a file by its content.

    Gray stays gray; 1-bit, 2-bit, 4-bit and palette pictures become the 8-bit gray or RGB(A) that they show.

    Args:
        data: the whole file.
        name: the file in messages.
        max_pixels: width times height that is still accepted.
        accept_damaged: decode damaged pixels as far as they can be, with a warning, where the decoder can do that;
            None: no, and there is no option for it.

    Raises:
        ImageError: no picture, a damaged one, one larger than allowed, or one of a kind that is not supported.
    """
    image = inspect(data, name, max_pixels)
    try:
        return image.load()
    except ImageError as error:
        if image.salvage and accept_damaged is False:
            raise ImageError(error.message, f"{error.hint}; --accept-damaged takes what is left of it") from error
        if not (image.salvage and accept_damaged):
            raise
        picture = image.salvage()
        return replace(picture, warnings=(*picture.warnings, error.message.removeprefix(f"{name}: ")))


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
        quality: 1 to 100 for JPEG, WebP, AVIF and HEIC; None encodes a JPEG as its source was, where that was one, and
            else stands for 95, but WebP made from what was stored without loss is lossless. AVIF and HEIC with alpha
            are always lossless.
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
    target = _supporting(file_format, side, len(frames), animated=animated, name=name)
    return target.write([convert_for(target, frame, name) for frame in frames], Encoding(name, quality, like))


def check_supported(header: Header, file_format: str, name: str) -> None:
    """Find out before long work what `encode_frames` would refuse after it, as far as a header tells.

    Args:
        header: the picture's.
        file_format: what it is to be written as, as `denoise_ae.imagefiles.formats.format_for` names it.
        name: the picture in messages.

    Raises:
        ImageError: it is too large for that format, or an animation or several pages that it can't hold.
    """
    animated = header.frames > 1 and FORMATS[header.format].animated
    _supporting(file_format, max(header.width, header.height), header.frames, animated=animated, name=name)


def _supporting(file_format: str, side: int, frames: int, *, animated: bool, name: str) -> Format:
    """Return the format if it holds a picture of this kind."""
    target = FORMATS.get(file_format)
    if target is None or not target.writable:
        title = target.title if target else file_format
        raise ImageError(f"{name}: {title} can't be written", "choose PNG, JPEG, WebP or TIFF with --format")
    if animated and not target.animated:
        raise ImageError(f"{name}: {target.title} holds no animation", "write it as PNG, WebP or GIF")
    if frames > 1 and not animated and not target.paged:
        raise ImageError(f"{name}: {target.title} holds one page, not {frames}", "write it as TIFF")
    if side > target.side:
        limit = f"a {target.title} has {target.side} pixels on a side at most"
        raise ImageError(f"{name}: {limit}", "write it as PNG or TIFF")
    return target


def convert_for(target: Format, frame: Frame, name: str) -> Frame:
    """Turn a frame into what a format can hold: depth, channels, orientation and EXIF.

    Args:
        target: the format.
        frame: left as it is.
        name: the picture in messages.

    Raises:
        ImageError: it is transparent, and the format has no alpha.
    """
    pixels, metadata = frame.pixels, frame.metadata
    fits = len(metadata.exif or b"") <= target.exif
    if not (fits and target.turned):
        pixels = upright(pixels, metadata.orientation)
        metadata = upright_metadata(metadata)
        metadata = metadata if fits else replace(metadata, exif=None)
    if not target.alpha:
        pixels, alpha = split_alpha(pixels)
        if alpha is not None and (alpha != peak_of(alpha.dtype)).any():
            raise ImageError(f"{name}: {target.title} can't hold transparency", "write it as PNG, WebP or TIFF")
    if pixels.dtype.name not in target.depths:
        fitted = np.empty(pixels.shape, target.depths[-1])
        for rows, part in zip(chunks(pixels), chunks(fitted), strict=True):
            part[:] = from_unit(np.nan_to_num(to_unit(rows), nan=0, posinf=1, neginf=0), fitted.dtype)
        pixels = fitted
    return Frame(pixels, metadata, frame.duration, frame.extra)
