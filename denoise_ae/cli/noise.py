"""``denoise-ae noise``: make a noisy picture from a clean one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from denoise_ae.cli.checks import refuse_inputs
from denoise_ae.cli.options import Debug, Quality
from denoise_ae.cli.show.render import print_line, stderr_console


def noise(
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help="The clean picture.", show_default=False)],
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The noisy picture; the ending sets the format.", show_default=False)
    ],
    level: Annotated[float, typer.Option(help="How much noise, in the type's own unit (above).", show_default=False)],
    noise_type: Annotated[str, typer.Option("--type", help="The type of noise (above).")] = "gaussian",
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same noise.")] = 0,
    save_mask: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="For mask, strokes, spots and text: write the mask of the blacked-out pixels, for repair --mask.",
            show_default=False,
        ),
    ] = None,
    quality: Quality = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an output that exists.")] = False,
    debug: Debug = False,
) -> None:
    """Add noise to a picture, the same noise for the same seed.

    Bit depth, channels, alpha and metadata are kept. Integer pictures are clipped to black and white, as in a camera;
    floating-point TIFFs are not. The types and the units of their levels:

    \b
    gaussian     standard deviation in 8-bit steps (0 to 255), e.g. 25
    uniform      half the interval's width in 8-bit steps (0 to 255), e.g. 40
    poisson      photons a white pixel collects (1 to 1000000; more is less noise), e.g. 30
    speckle      standard deviation of the multiplier (0 to 10), e.g. 0.2
    salt-pepper  fraction of the pixels turned black or white (0 to 1), e.g. 0.05
    mask         fraction of the pixels turned black (0 to 1), e.g. 0.3
    strokes      the same, under strokes of 1 to 9 pixels (0 to 0.5), e.g. 0.1
    spots        the same, under spots of up to 13 pixels (0 to 0.5), e.g. 0.05
    text         the same, under words (0 to 0.5), e.g. 0.05
    jpeg         JPEG quality (1 to 100; less is worse), e.g. 10
    camera       electrons a white pixel collects (10 to 1000000; more is less noise), e.g. 500: simulated
                 camera noise, correlated and dependent on brightness, through a JPEG
    """  # noqa: D301 - \b is click's mark for lines that are not to be wrapped
    import numpy as np

    from denoise_ae.errors import UsageError
    from denoise_ae.imagefiles import images
    from denoise_ae.imagefiles.formats import format_for
    from denoise_ae.noise.corruptions import MASKING_NOISE_TYPES, NumpySource, check_level, corrupt
    from denoise_ae.pixels.convert import from_unit, join_alpha, split_alpha, to_unit
    from denoise_ae.system.files import check_target, write_atomic

    check_level(noise_type, level)
    file_format = format_for(output)
    refuse_inputs(output, [picture])
    if save_mask:
        if noise_type not in MASKING_NOISE_TYPES:
            raise UsageError(f"{noise_type} noise has no mask", f"--save-mask is for {', '.join(MASKING_NOISE_TYPES)}")
        format_for(save_mask)
        refuse_inputs(save_mask, [picture, output])
        check_target(save_mask, overwrite)
    source = images.read_image(picture)
    for warning in source.warnings:
        print_line(stderr_console(), ("warning: ", "yellow"), f"{picture}: {warning}")
    colour, alpha = split_alpha(source.pixels)
    noisy = corrupt(to_unit(colour), noise_type, level, NumpySource(seed))
    pixels = join_alpha(from_unit(noisy, colour.dtype), alpha)
    data = images.encode(
        pixels, file_format, metadata=source.metadata, quality=quality, like=source.header, name=str(picture)
    )
    write_atomic(output, data, overwrite=overwrite)
    if save_mask:
        # The same random numbers on a white picture show which pixels turn black.
        mask = corrupt(np.ones(colour.shape[:2], np.float32), noise_type, level, NumpySource(seed)) == 0
        marked = np.where(mask, np.uint8(255), np.uint8(0))
        write_atomic(save_mask, images.encode(marked, format_for(save_mask), name=str(save_mask)), overwrite=overwrite)
