"""What a picture is: its header, its frames, and how its file is opened and written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, NamedTuple, Self

from numpy.typing import NDArray

from denoise_ae.errors import ImageError
from denoise_ae.imagefiles.metadata import Metadata

DEFAULT_QUALITY = 95
"""Quality of lossy formats where the source's own is unknown."""

MOST_FRAMES = 10_000
"""Each frame and page takes time, however small it is."""


def damaged(name: str, what: str) -> ImageError:
    """Make the error for a file that is cut short or damaged.

    Args:
        name: the file.
        what: is wrong, as "this PNG is cut short".
    """
    return ImageError(f"{name}: {what}", "get the file again from its source")


def unsupported(name: str, what: str) -> ImageError:
    """Make the error for a file of a kind that isn't read.

    Args:
        name: the file.
        what: the kind, as "CMYK JPEG".
    """
    return ImageError(f"{name}: {what} is not supported", "convert it to PNG, TIFF or JPEG first")


def check_frames(count: int, name: str) -> None:
    """Check that a file has no more than `MOST_FRAMES`.

    Raises:
        ImageError: it has.
    """
    if count > MOST_FRAMES:
        raise ImageError(f"{name}: has more than {MOST_FRAMES} frames or pages", "split it")


class JpegCoding(NamedTuple):
    """How a JPEG file is encoded, for its result to be encoded in the same way.

    Attributes:
        tables: the quantisation tables of the components, 64 steps row by row; the last stands for all that follow.
        sampling: sampling factors of each component, across and down.
        progressive: whether it is progressive.
    """

    tables: tuple[tuple[int, ...], ...]
    sampling: tuple[tuple[int, int], ...]
    progressive: bool


@dataclass(frozen=True)
class Header:
    """What a file says of its picture.

    Attributes:
        format: a key of `denoise_ae.imagefiles.formats.FORMATS`.
        width: in pixels, as stored (before any orientation).
        height: in pixels, as stored.
        frames: pages, or frames of an animation; what else is said here is the first one's.
        mode: how it is stored: "gray", "gray+alpha", "RGB", "RGBA" or "palette".
        bits: bits a sample.
        lossless: decoding gives back what was encoded.
        jpeg: how a JPEG is encoded; None elsewhere.
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
    jpeg: JpegCoding | None = None
    other_pixels: int = 0
    plays: int = 1
    bigtiff: bool = False

    @property
    def pixels(self) -> int:
        """Pixels of all frames together."""
        return self.width * self.height + self.other_pixels

    def animated(self, frames: int, plays: int) -> Header:
        """Return that of an animation of so many frames, all of one size; a still picture's has at most one."""
        if frames < 2:
            return self
        return replace(self, frames=frames, other_pixels=(frames - 1) * self.width * self.height, plays=plays)


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


@dataclass(frozen=True)
class LazyImage:
    """A file whose header is read, and whose pixels are not decoded yet.

    Attributes:
        header: what the file says of its picture.
        load: decodes it; raises ImageError where it is damaged.
        metadata: the first frame's, as far as they can be known without decoding.
        warnings: what could not be read, but does not matter to the pixels.
        salvage: decodes a damaged file as far as it can; None where its decoder gives all or nothing.
    """

    header: Header
    load: Callable[[], Picture]
    metadata: Metadata = field(default_factory=Metadata)
    warnings: tuple[str, ...] = ()
    salvage: Callable[[], Picture] | None = None

    @classmethod
    def still(
        cls,
        header: Header,
        decode: Callable[[], NDArray[Any]],
        metadata: Metadata | None = None,
        warnings: tuple[str, ...] = (),
    ) -> Self:
        """Open a file of one picture, whose pixels `decode` returns."""
        said = metadata or Metadata()
        return cls(header, lambda: Picture([Frame(decode(), said)], header, warnings), said, warnings)


@dataclass(frozen=True)
class Encoding:
    """How pictures are to be written.

    Attributes:
        name: the picture in messages.
        quality: 1 to 100 for lossy formats; None: near the source's own.
        like: the source's header.
    """

    name: str
    quality: int | None = None
    like: Header | None = None
