"""Files of other programs go through the command line, and others see the same pixels in what comes out."""

import numpy as np
import pytest
from encoders import PROGRAMS, look, magick

from denoise_ae.imagefiles.formats import FORMATS
from denoise_ae.imagefiles.headers import read_header


@pytest.mark.parametrize("program", PROGRAMS)
def test_pixels_come_back_in_format_size_channels_and_depth(program, run, place, network):
    make, package = PROGRAMS[program]
    if package:
        pytest.importorskip(package)
    if program == "ImageMagick" and not magick():
        pytest.skip("ImageMagick is not installed")
    made = list(make())
    (place / "in").mkdir()
    for file in made:
        (place / "in" / file.name).write_bytes(file.data)
    assert len({file.name for file in made}) == len(made) > 3

    status, _, told = run("clean", "in", "-o", "out", "--strength", 0, "--threads", 1, "--model", network("rgb"))
    assert status == 0, told
    for file in made:
        source = read_header(file.data, file.name)
        instead = {"jxl": ".png"}.get(source.format)
        result = (place / "out" / file.name).with_suffix(instead) if instead else place / "out" / file.name
        written = read_header(result.read_bytes(), result.name)
        assert written.format == FORMATS[source.format].written_as.name, file.name
        assert (written.width, written.height) == (source.width, source.height)
        assert written.jpeg == source.jpeg, file.name
        assert written.bigtiff == source.bigtiff, file.name
        seen = look(result, file.pixels)
        assert (seen.dtype, seen.shape) == (file.pixels.dtype, file.pixels.shape), file.name
        if result.suffix == ".gif" and seen.shape[-1] == 4:  # which has one colour for all that is hidden
            seen = np.where((seen[..., 3:] == 0) & (np.arange(4) < 3), file.pixels, seen)
        if file.error:
            step = 257 if seen.dtype == np.uint16 else 1
            assert np.abs(seen.astype(float) - file.pixels).mean() <= file.error * step, file.name
        else:
            np.testing.assert_array_equal(seen, file.pixels, err_msg=file.name)
