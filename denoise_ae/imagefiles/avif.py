"""AVIF: its header is Pillow's business, its pixels OpenCV's, which knows more than 8 bits."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import AvifImagePlugin

from denoise_ae.errors import ImageError
from denoise_ae.imagefiles import opencv
from denoise_ae.imagefiles.metadata import Metadata, bare_exif, check_exif
from denoise_ae.imagefiles.picture import DEFAULT_QUALITY, Encoding, Frame, Header, LazyImage

_BITS = 12
"""How 16 bits are stored in an AVIF, which has no more."""


def read(data: bytes, name: str) -> LazyImage:
    """Read the header.

    Raises:
        ImageError: it is an animation, or Pillow was built without a decoder.
        Exception: it is damaged.
    """
    if not AvifImagePlugin.SUPPORTED:
        raise ImageError(f"{name}: AVIF needs a decoder that this Pillow lacks", "convert it to PNG or TIFF first")
    with AvifImagePlugin.AvifImageFile(io.BytesIO(data)) as image:
        if image.n_frames > 1:
            hint = "save the picture that you want as a file of its own"
            raise ImageError(f"{name}: animated AVIF is not supported", hint)
        # The AV1 configuration box says how deep the samples are (AV1-ISOBMFF, 2.3.3).
        deep = data[data.index(b"av1C") + 6]
        bits = (12 if deep & 0x20 else 10) if deep & 0x40 else 8
        mode = "gray" if image.mode == "L" else image.mode
        header = Header("avif", *image.size, mode, bits, lossless=False)
        said = Metadata(bare_exif(image.info.get("exif")), image.info.get("icc_profile"), image.info.get("xmp"))

    def decode() -> NDArray[Any]:
        pixels = opencv.decode(data)
        if pixels is None:  # it fails at some encoders' better qualities
            pixels = _decode_with_pillow(data)
            if pixels is not None and bits > 8:
                message = f"{name}: this AVIF can't be decoded in its {bits} bits"
                raise ImageError(message, "convert it to PNG or TIFF first")
        return opencv.spread(opencv.check_decoded(pixels, (header.height, header.width), name, "AVIF"), bits)

    return LazyImage.still(header, decode, *check_exif(said))


def _decode_with_pillow(data: bytes) -> NDArray[Any] | None:
    try:
        with AvifImagePlugin.AvifImageFile(io.BytesIO(data)) as image:
            return np.array(image)
    except (OSError, ValueError, SyntaxError, EOFError, RuntimeError):
        return None


def write(frames: Sequence[Frame], encoding: Encoding) -> bytes:
    """Write 8-bit pixels, or 16-bit ones as 12 bits."""
    (frame,) = frames
    pixels = frame.pixels
    # The one quality is alpha's too, which must stay as it is.
    has_alpha = pixels.ndim == 3 and pixels.shape[2] in {2, 4}
    options = [cv2.IMWRITE_AVIF_QUALITY, 100 if has_alpha else encoding.quality or DEFAULT_QUALITY]
    if pixels.dtype == np.uint16:
        pixels = np.rint(np.arange(65536) * ((2**_BITS - 1) / 65535)).astype(np.uint16)[pixels]
        options += [cv2.IMWRITE_AVIF_DEPTH, _BITS]
    return opencv.encode(pixels, ".avif", encoding.name, options, frame.metadata).tobytes()
