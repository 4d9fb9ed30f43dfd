"""The file formats: what each can hold, and which module reads and writes it. Loads no decoder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from denoise_ae.errors import ImageError

if TYPE_CHECKING:
    from denoise_ae.imagefiles.picture import Encoding, Frame, LazyImage

DEFAULT_MAX_PIXELS = 500_000_000
"""A header that claims more is taken for damaged or malicious, unless the caller allows it."""


@dataclass(frozen=True)
class Format:
    """Describes a file format and finds its reader and writer.

    Attributes:
        name: how `Header.format` and ``--format`` call it.
        title: how people call it.
        suffixes: endings of its files, the usual one first.
        signature: a regular expression for how its files begin.
        depths: types of samples that it stores; other pixels become the last. Empty: it is only read.
        alpha: holds transparency.
        lossy: is written at a quality.
        animated: holds animations.
        paged: holds several pages.
        exif: bytes of EXIF that it can hold.
        turned: viewers turn its pictures as EXIF says; the pictures of other formats are written upright.
        side: most pixels on a side that its library accepts.
        instead: the format that is written in its place; empty: itself.
        walked: is picked up on a walk through folders; camera RAW, which lies beside the camera's JPEGs, is not.
        package: the optional package that it needs, which the extra of the format's name installs; empty: none.
        module: the module of this package with its `read` and `write`; empty: named as the format.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    signature: bytes
    depths: tuple[str, ...] = ("uint8",)
    alpha: bool = True
    lossy: bool = False
    animated: bool = False
    paged: bool = False
    exif: int = 0
    turned: bool = False
    side: int = 2**31 - 1
    instead: str = ""
    walked: bool = True
    package: str = ""
    module: str = ""

    def matches(self, data: bytes) -> bool:
        """Tell whether a file begins as one of this format does."""
        return re.match(self.signature, data, re.DOTALL) is not None

    @property
    def writable(self) -> bool:
        """Whether it can be written, given the package that it needs."""
        return bool(self.depths)

    @property
    def installed(self) -> bool:
        """Whether the package that it needs is there."""
        return not self.package or find_spec(self.package) is not None

    @property
    def written_as(self) -> Format:
        """The format in which its pictures are written back."""
        return FORMATS[self.instead or self.name]

    def read(self, data: bytes, name: str) -> LazyImage:
        """Read the header of a file that `matches`, for its pixels to be decoded later.

        Raises:
            ImageError: it is damaged, of a kind that is not supported, or the package that it needs is missing.
            Exception: a header that is broken makes parsers stumble in every way.
        """
        self.check_installed(name, "decoder", ", or convert it to PNG, TIFF or JPEG first")
        image: LazyImage = self._load_module().read(data, name)
        return image

    def write(self, frames: Sequence[Frame], encoding: Encoding) -> bytes:
        """Encode frames that this format can hold; see `denoise_ae.imagefiles.images.encode_frames`.

        Raises:
            ImageError: they can't be written, or the package for it is missing.
        """
        self.check_installed(encoding.name, "package")
        data: bytes = self._load_module().write(frames, encoding)
        return data

    def check_installed(self, name: str, what: str, otherwise: str = "") -> None:
        """Check that the optional package is there.

        Args:
            name: the file in messages.
            what: that is missing, as "decoder".
            otherwise: what else can be done.

        Raises:
            ImageError: it is not.
        """
        if not self.installed:
            hint = f"pip install 'denoise-ae[{self.name}]'{otherwise}"
            raise ImageError(f"{name}: {self.title} needs a {what} that is not installed", hint)

    def _load_module(self) -> Any:  # noqa: ANN401 - mypy knows no modules that are found by name
        return import_module(f"denoise_ae.imagefiles.{self.module or self.name}")


_MANY = 2**31 - 1
_PNG, _WEBP = rb"\x89PNG\r\n\x1a\n", rb"RIFF....WEBP"
_DEEP = ("uint8", "uint16")
_JPEGS, _JPEG = (".jpg", ".jpeg", ".jpe", ".jfif"), rb"\xff\xd8\xff[^\xf7]"
_JP2, _JXL = rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", rb"\xff\x0a|\0\0\0\x0cJXL "
# Not those that a camera maker's letters tell apart from TIFF.
_TIFF = rb"II\*\0(?!....CR)|MM\0\*|II\+\0|MM\0\+"
# AVIF may come first or anywhere among the brands that a file names.
_AVIF, _HEIC = rb"\0\0..ftyp.{,64}?avi[fs]", rb"....ftyp(hei[cxms]|hev[cx]|mif[12]|msf1)"
_RAW = rb"....ftypcrx |FUJIFILMCCD-RAW|II[RU][OS\0]|MMOR|\0MRM|FOVb|II\*\0....CR"
_CAMERAS = ".dng .3fr .arw .cr2 .cr3 .erf .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .raw .rw2 .sr2 .srw .x3f"

_TABLE = (
    Format("png", "PNG", (".png", ".apng"), _PNG, depths=_DEEP, animated=True, exif=_MANY, turned=True),
    Format("jpeg", "JPEG", _JPEGS, _JPEG, alpha=False, lossy=True, exif=65527, turned=True, side=65500),
    Format("webp", "WebP", (".webp",), _WEBP, lossy=True, animated=True, exif=_MANY, turned=True, side=16383),
    Format("tiff", "TIFF", (".tif", ".tiff"), _TIFF, depths=(*_DEEP, "float32"), paged=True, exif=_MANY, turned=True),
    Format("bmp", "BMP", (".bmp", ".dib"), rb"BM"),
    Format("pnm", "PNM", (".pnm", ".pbm", ".pgm", ".ppm"), rb"P[1-6]\s", depths=_DEEP, alpha=False),
    Format("jpeg2000", "JPEG 2000", (".jp2", ".j2k", ".j2c", ".jpx"), _JP2, module="jp2", depths=_DEEP, exif=_MANY),
    Format("avif", "AVIF", (".avif",), _AVIF, depths=_DEEP, lossy=True, exif=_MANY, turned=True),
    Format("gif", "GIF", (".gif",), rb"GIF8[79]a", animated=True),
    Format("heic", "HEIC", (".heic", ".heif", ".hif"), _HEIC, _DEEP, lossy=True, exif=_MANY, package="pillow_heif"),
    # The package for JPEG XL can write neither colour of 16 bits nor a profile; a PNG holds both.
    Format("jxl", "JPEG XL", (".jxl",), _JXL, depths=(), instead="png", package="pillow_jxl"),
    Format(
        "raw", "camera RAW", tuple(_CAMERAS.split()), _RAW, depths=(), instead="tiff", walked=False, package="rawpy"
    ),
)
FORMATS: dict[str, Format] = {each.name: each for each in _TABLE}
"""All formats, by name."""


def format_named(path_or_suffix: str | Path) -> Format | None:
    """Return the format that a file name, or a suffix with its dot, claims."""
    text = str(path_or_suffix)
    suffix = (Path(text).suffix or text).lower()
    return next((each for each in FORMATS.values() if suffix in each.suffixes), None)


def writable_suffixes() -> list[str]:
    """List the endings of the formats that can be written."""
    return [suffix for each in FORMATS.values() if each.writable for suffix in each.suffixes]


def is_image_name(path: str | Path) -> bool:
    """Tell by its suffix whether a file claims to be a picture; for walks through folders."""
    claimed = format_named(path) if Path(path).suffix else None
    return claimed is not None and claimed.walked


def is_written_name(path_or_suffix: str | Path) -> bool:
    """Tell whether a file name, or a suffix with its dot, claims a format that can be written."""
    claimed = format_named(path_or_suffix)
    return claimed is not None and claimed.writable


def written_suffix(suffix: str) -> str:
    """Return the ending of a result whose source has this one: the same, but for what can't be written."""
    claimed = format_named(suffix)
    return claimed.written_as.suffixes[0] if claimed and not claimed.writable else suffix


def format_for(path_or_suffix: str | Path) -> str:
    """Return the name of the format to write, given a file name, or a suffix with its dot.

    Raises:
        ImageError: the suffix is unknown, or its format can't be written, or not without a package that is missing.
    """
    claimed = format_named(path_or_suffix)
    if claimed is None or not claimed.writable:
        hint = "name it .png, .jpg, .webp, .tif, .gif, .bmp, .ppm, .jp2, .avif or .heic"
        raise ImageError(f"{path_or_suffix}: pictures can't be written as this", hint)
    claimed.check_installed(str(path_or_suffix), "package")
    return claimed.name
