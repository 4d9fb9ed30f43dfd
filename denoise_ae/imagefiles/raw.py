"""Cameras' RAW files, developed by rawpy."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import rawpy
from numpy.typing import NDArray

from denoise_ae.errors import ImageError
from denoise_ae.imagefiles.metadata import Metadata, read_tiff_metadata, upright_metadata
from denoise_ae.imagefiles.picture import Header, LazyImage
from denoise_ae.imagefiles.tiff_directory import read_directory


def read(data: bytes, name: str) -> LazyImage:
    """Open camera RAW: developed by LibRaw with the camera's white balance into 16-bit sRGB, upright.

    Raises:
        ImageError: the file is damaged or of a camera that LibRaw doesn't know.
    """

    def unreadable() -> ImageError:
        message = f"{name}: this camera RAW is damaged, or its camera is not known"
        return ImageError(message, "convert it to PNG, TIFF or JPEG first")

    try:
        with rawpy.imread(io.BytesIO(data)) as file:
            width, height = file.sizes.iwidth, file.sizes.iheight
            if file.sizes.flip in {5, 6}:
                width, height = height, width
    except rawpy.LibRawError as error:
        raise unreadable() from error

    def decode() -> NDArray[Any]:
        try:
            with rawpy.imread(io.BytesIO(data)) as file:
                return np.asarray(file.postprocess(use_camera_wb=True, output_bps=16))
        except rawpy.LibRawError as error:
            raise unreadable() from error

    return LazyImage.still(Header("raw", width, height, "RGB", 16, lossless=False), decode, _read_metadata(data))


def _read_metadata(data: bytes) -> Metadata:
    """Read what a RAW file that is a TIFF says of itself; the resolution is the thumbnail's."""
    try:
        metadata, _ = read_tiff_metadata(data, read_directory(data))
    except ValueError:
        return Metadata()
    return upright_metadata(Metadata(metadata.exif, xmp=metadata.xmp))
