"""Cameras' RAW files, developed by rawpy."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.errors import ImageError
from denoise_ae.imagefiles.metadata import Metadata, read_tiff_metadata
from denoise_ae.imagefiles.optional import _CONVERT, Opened, _load, _upright_metadata
from denoise_ae.imagefiles.tiff_directory import read_directory


def open_raw(data: bytes, name: str) -> Opened:
    """Open camera RAW with rawpy: developed by LibRaw with the camera's white balance into 16-bit sRGB.

    Raises:
        ImageError: it isn't installed, or the file is damaged or of a camera that it doesn't know.
    """
    rawpy = _load("rawpy", "raw", "camera RAW", name)

    def unreadable(error: Exception) -> ImageError:
        return ImageError(f"{name}: this camera RAW is damaged, or its camera is not known", _CONVERT)

    try:
        with rawpy.imread(io.BytesIO(data)) as file:
            width, height, turned = file.sizes.iwidth, file.sizes.iheight, file.sizes.flip in {5, 6}
    except rawpy.LibRawError as error:
        raise unreadable(error) from error

    def read() -> tuple[NDArray[Any], Metadata]:
        try:
            with rawpy.imread(io.BytesIO(data)) as file:
                pixels = np.asarray(file.postprocess(use_camera_wb=True, output_bps=16))
        except rawpy.LibRawError as error:
            raise unreadable(error) from error
        return pixels, _raw_metadata(data)

    return Opened(*((height, width) if turned else (width, height)), "RGB", 16, read)


def _raw_metadata(data: bytes) -> Metadata:
    """Read what a RAW file that is a TIFF says of itself; the resolution is the thumbnail's."""
    try:
        metadata, _ = read_tiff_metadata(data, read_directory(data))
    except ValueError:
        return Metadata()
    return _upright_metadata(metadata.exif, None, metadata.xmp)
