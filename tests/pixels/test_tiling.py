"""Tiles cover each pixel once, are alike, and lie on the network's pooling grid."""

import numpy as np
import pytest

from denoise_ae.pixels.tiling import plan_tiles

SIZES = [(1, 1), (1, 5000), (17, 31), (64, 64), (65, 200), (300, 299), (1000, 7)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("tile", "overlap", "multiple", "minimum"),
    [
        (3, 0, 1, 1),
        (28, 0, 28, 28),
        (40, 13, 1, 1),
        (64, 17, 8, 1),
        (100, 24, 8, 32),
        (256, 112, 8, 8),
        (4096, 8, 4, 1),
    ],
)
def test_each_pixel_is_written_once(size, tile, overlap, multiple, minimum):
    written = np.zeros(size, int)
    for planned in plan_tiles(*size, tile, overlap=overlap, multiple=multiple, minimum=minimum):
        written[planned.write] += 1
    assert (written == 1).all()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("tile", "overlap", "multiple"), [(40, 13, 1), (64, 17, 8), (70, 17, 8), (256, 112, 8)])
def test_a_kept_pixel_has_its_overlap_or_the_border_on_each_side(size, tile, overlap, multiple):
    for planned in plan_tiles(*size, tile, overlap=overlap, multiple=multiple):
        for length, read, write in zip(size, planned.read, planned.write, strict=True):
            assert read.start == 0 or write.start - read.start >= overlap
            assert read.stop >= length or read.stop - write.stop >= overlap


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("tile", "multiple", "minimum"), [(64, 8, 1), (50, 8, 1), (64, 1, 1), (20, 4, 40)])
def test_tiles_are_alike_aligned_and_not_larger_than_asked(size, tile, multiple, minimum):
    tiles = plan_tiles(*size, tile, overlap=8, multiple=multiple, minimum=minimum)
    height, width = tiles[0].size
    assert {planned.size for planned in tiles} == {(height, width)}
    assert max(height, width) <= max(tile, minimum)
    assert min(height, width) >= minimum
    starts_and_sides = [height, width, *(window.start for planned in tiles for window in planned.read)]
    assert all(value % multiple == 0 for value in starts_and_sides)


def test_the_last_tile_ends_where_the_padded_picture_ends():
    tiles = plan_tiles(100, 1003, 128, overlap=8, multiple=8)
    assert tiles[-1].read == (slice(0, 104), slice(tiles[-1].read[1].start, 1008))


def test_tiles_share_the_work():
    """Two tiles of 560 px beat one of 1000 px and a rest."""
    assert [planned.size for planned in plan_tiles(8, 1096, 1000, overlap=8, multiple=8)] == [(8, 560), (8, 560)]


def test_a_small_picture_is_read_whole():
    (planned,) = plan_tiles(17, 31, 64, overlap=16, multiple=8)
    assert planned.read == (slice(0, 24), slice(0, 32))
    assert planned.write == (slice(0, 17), slice(0, 31))


def test_kept_points_into_the_result():
    whole = np.arange(300)
    for planned in plan_tiles(1, 300, 64, overlap=20):
        result = whole[planned.read[1]]
        assert (result[planned.kept[1]] == whole[planned.write[1]]).all()


def test_an_overlap_that_leaves_nothing_is_refused():
    with pytest.raises(ValueError, match="too small"):
        plan_tiles(100, 100, 32, overlap=16)
