"""``denoise-ae compare``: pictures side by side, with PSNR and SSIM."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from denoise_ae.cli.checks import refuse_inputs
from denoise_ae.cli.options import Debug
from denoise_ae.cli.show.render import print_table, printable
from denoise_ae.errors import ImageError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _parse_crop(text: str) -> tuple[int, int, int, int]:
    """Read ``X,Y,W,H``."""
    try:
        x, y, width, height = (int(number) for number in text.split(","))
    except ValueError:
        raise UsageError(f"--crop {text} is not four whole numbers", "for example --crop 100,50,64,64") from None
    return x, y, width, height


def _names(paths: list[Path]) -> list[str]:
    """Return each file's name, with its folder if another file has the same name."""
    names = [path.name for path in paths]
    return [str(Path(*path.parts[-2:])) if names.count(path.name) > 1 else path.name for path in paths]


def _open(paths: list[Path], truth: int) -> list[NDArray[Any]]:
    """Read pictures upright, and check that all have the size of the one to measure against."""
    from denoise_ae.imagefiles.images import read_image
    from denoise_ae.pixels.convert import upright

    shown = [upright(picture.pixels, picture.metadata.orientation) for picture in map(read_image, paths)]
    sizes = [f"{pixels.shape[1]} x {pixels.shape[0]}" for pixels in shown]
    for path, size in zip(paths, sizes, strict=True):
        if size != sizes[truth]:
            raise ImageError(
                f"{path} is {size} but {paths[truth]} is {sizes[truth]}", "only pictures of one size can be compared"
            )
    return shown


def _measure(pixels: NDArray[Any], clean: NDArray[Any]) -> dict[str, float | None]:
    """Return PSNR in dB (None for equal pictures: JSON has no infinity) and SSIM, without alpha, white at 1."""
    from denoise_ae.measure.metrics import psnr, ssim
    from denoise_ae.pixels.convert import as_rgb, split_alpha, to_unit

    a, b = (to_unit(split_alpha(picture)[0]) for picture in (pixels, clean))
    if a.ndim != b.ndim:
        a, b = as_rgb(a), as_rgb(b)
    decibels = psnr(a, b)
    return {"psnr": None if math.isinf(decibels) else decibels, "ssim": ssim(a, b)}


def _caption(figure: dict[str, float | None] | None) -> str:
    """Format the figures of a picture in one line; None stands for the one measured against."""
    if figure is None:
        return "reference"
    if figure["psnr"] is None:
        return "identical"
    return f"PSNR {figure['psnr']:.2f} dB   SSIM {figure['ssim']:.4f}"


def compare(
    pictures: Annotated[
        list[Path], typer.Argument(metavar="PICTURE", help="The pictures, from left to right.", show_default=False)
    ],
    *,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="The picture to make; the ending sets the format.", show_default=False),
    ],
    reference: Annotated[
        Path | None,
        typer.Option(help="The clean picture to measure against, shown last.", show_default="the first picture"),
    ] = None,
    crop: Annotated[
        str | None, typer.Option(metavar="X,Y,W,H", help="Show only this rectangle: left, top, width, height.")
    ] = None,
    zoom: Annotated[int, typer.Option(min=1, max=64, help="Show each pixel as a square of this side.")] = 1,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an output that exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    debug: Debug = False,
) -> None:
    """Put pictures side by side, with PSNR and SSIM under each.

    The figures are for the whole pictures, even with --crop, with white at 1, so that 8 and 16 bits can be compared.
    Alpha is ignored, and gray counts as colour if the other picture has colour. The output is 8-bit RGB.
    """
    from denoise_ae.imagefiles.formats import format_for
    from denoise_ae.imagefiles.images import encode
    from denoise_ae.measure.side_by_side import crop as cut
    from denoise_ae.measure.side_by_side import magnify, side_by_side, to_rgb8
    from denoise_ae.system.files import write_atomic

    paths = [*pictures, reference] if reference else pictures
    if len(paths) < 2:
        raise UsageError("a single picture can't be compared", "give another one, or --reference")
    truth = len(paths) - 1 if reference else 0
    rectangle = _parse_crop(crop) if crop else None
    file_format = format_for(output)
    refuse_inputs(output, paths)

    shown = _open(paths, truth)
    figures = [None if index == truth else _measure(pixels, shown[truth]) for index, pixels in enumerate(shown)]
    labels = [(name, _caption(figure)) for name, figure in zip(_names(paths), figures, strict=True)]
    panels = [magnify(to_rgb8(cut(pixels, *rectangle) if rectangle else pixels), zoom) for pixels in shown]
    write_atomic(output, encode(side_by_side(panels, labels), file_format, name=str(output)), overwrite=overwrite)

    if as_json:
        measured = [{"file": str(path), **figure} for path, figure in zip(paths, figures, strict=True) if figure]
        typer.echo(json.dumps({"reference": str(paths[truth]), "pictures": measured, "output": str(output)}, indent=2))
    else:
        print_table(("", ""), [(printable(name), caption) for name, caption in labels])
