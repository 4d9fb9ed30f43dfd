"""TIFF: pages with all that each says of itself; see `tiff_read` and `tiff_write`."""

from __future__ import annotations

from collections.abc import Sequence

from denoise_ae.errors import ImageError
from denoise_ae.imagefiles.metadata import read_tiff_metadata
from denoise_ae.imagefiles.picture import Encoding, Frame, Header, LazyImage, Picture
from denoise_ae.imagefiles.tiff_read import read_layouts, read_pixels
from denoise_ae.imagefiles.tiff_write import encode_tiff


def read(data: bytes, name: str) -> LazyImage:
    """Read how the pages are stored.

    Raises:
        ImageError: it is damaged, or of a kind that is not supported.
    """
    first, *others = layouts = read_layouts(data, name)
    header = Header(
        *("tiff", first.width, first.height, first.mode, first.bits, len(layouts)),
        lossless=all(page.lossless for page in layouts),
        other_pixels=sum(page.width * page.height for page in others),
        bigtiff=data[2:4] in {b"+\0", b"\0+"},
    )

    def load() -> Picture:
        frames: list[Frame] = []
        warnings: list[str] = []
        described = 0
        for layout in layouts:
            pixels, extra, notes = read_pixels(data, layout, name)
            metadata, complaints = read_tiff_metadata(data, layout.directory)
            described += sum(len(part or b"") for part in (metadata.exif, metadata.icc, metadata.xmp))
            if described > 2 * len(data):  # thousands of pages may all point to one profile
                message = f"{name}: the pages of this TIFF share what should be each one's own"
                raise ImageError(message, "save it anew")
            frames.append(Frame(pixels, metadata, extra=extra))
            warnings += (*complaints, *notes)
        return Picture(frames, header, tuple(dict.fromkeys(warnings)))

    return LazyImage(header, load, *read_tiff_metadata(data, first.directory))


def write(frames: Sequence[Frame], encoding: Encoding) -> bytes:
    """Write all pages; a BigTIFF stays one."""
    return encode_tiff(frames, big=encoding.like is not None and encoding.like.bigtiff)
