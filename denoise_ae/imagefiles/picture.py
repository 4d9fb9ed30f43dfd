"""What a picture is: its header, its frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from numpy.typing import NDArray

from denoise_ae.imagefiles.metadata import Metadata


@dataclass(frozen=True)
class Header:
    """What a file says of its picture.

    Attributes:
        format: "png", "jpeg", "webp", "tiff", "bmp", "pnm", "jpeg2000", "avif", "gif", "heic", "jxl" or "raw".
        width: in pixels, as stored (before any orientation).
        height: in pixels, as stored.
        frames: pages, or frames of an animation; what else is said here is the first one's.
        mode: how it is stored: "gray", "gray+alpha", "RGB", "RGBA" or "palette".
        bits: bits a sample.
        lossless: decoding gives back what was encoded.
        quality: a JPEG's, 1 to 100, estimated from its quantisation tables; None elsewhere.
        chroma: how a colour JPEG samples colour: "4:4:4", "4:2:2", "4:2:0", "4:4:0" or "4:1:1"; None elsewhere.
        other_pixels: pixels of all frames but the first.
        plays: how often an animation is shown; 0: without end.
        bigtiff: a TIFF is one whose positions have 64 bits.
    """

    format: str
    width: int
    height: int
    mode: str
    bits: int = 8
    frames: int = 1
    lossless: bool = True
    quality: int | None = None
    chroma: str | None = None
    other_pixels: int = 0
    plays: int = 1
    bigtiff: bool = False

    @property
    def pixels(self) -> int:
        """Pixels of all frames together."""
        return self.width * self.height + self.other_pixels


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


@dataclass
class Frame:
    """A page, or a frame of an animation.

    Attributes:
        pixels: HxW, HxWx2, HxWx3 or HxWx4; frames of an animation are all of one kind and size.
        metadata: EXIF, ICC, XMP and resolution: a page has its own, the frames of an animation share them.
        duration: seconds; None in what is no animation, and in the still picture that an animated PNG shows where
            animations are not known.
        extra: HxW samples beside pixels that are neither colour nor alpha, such as the saved selection of a TIFF; None
            where there are none. Formats other than TIFF can't hold them.
    """

    pixels: NDArray[Any]
    metadata: Metadata = field(default_factory=Metadata)
    duration: Fraction | None = None
    extra: NDArray[Any] | None = None
