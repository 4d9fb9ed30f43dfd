"""Specks of scans go; letters, their dots, rules and thin lines stay."""

import numpy as np
import pytest
from pages import add_specks, draw_page

from denoise_ae import fill_specks, find_specks
from denoise_ae.errors import ImageError, UsageError
from denoise_ae.pixels.filters import blur, grow, regions

INK = 100


def rng(seed=0):
    return np.random.default_rng(seed)


def cleaned(page):
    return fill_specks(page, find_specks(page))


def lost(page, speckled, there):
    """How many of a clean page's pieces are covered by more than a third.

    Those that specks touch or the page's border cuts do not count.
    """
    pieces = regions(page < 160)
    mask = find_specks(speckled).mask & ~there
    covered = np.bincount(pieces.labels[mask], minlength=len(pieces))
    near = grow(there, 2)
    near[:, [0, -1]] = near[[0, -1]] = True
    touched = np.bincount(pieces.labels[near], minlength=len(pieces))
    return int(np.count_nonzero(((covered > pieces.pixels / 3) & (touched == 0))[1:]))


@pytest.mark.parametrize(("size", "share"), [(18, 0.93), (24, 0.95), (40, 0.95)])
def test_specks_go_and_print_stays(size, share):
    page = draw_page(size)
    speckled, there = add_specks(page, 400, rng())
    result = cleaned(speckled)
    assert (result[there] > 200).mean() > share
    ink = (page < INK) & ~there
    assert (np.abs(result.astype(int) - speckled)[ink] > 8).mean() < 0.005
    assert lost(page, speckled, there) == 0


@pytest.mark.parametrize("side", [2, 3])
def test_larger_specks_go_from_larger_print(side):
    page = draw_page(56, 900, 1500)
    speckled, there = add_specks(page, 300, rng(), side=side)
    assert (cleaned(speckled)[there] > 200).mean() > 0.9
    assert lost(page, speckled, there) == 0


@pytest.mark.parametrize("size", [14, 20, 32, 48])
def test_a_clean_page_stays_as_it_is(size):
    page = draw_page(size)
    assert find_specks(page).count == 0
    assert (cleaned(page) == page).all()


def test_specks_on_gray_noisy_paper_go():
    page = draw_page(40, 600, 900)
    speckled, there = add_specks(page, 200, rng(), side=2)
    noisy = np.clip(30 + 0.65 * speckled + rng(1).normal(0, 5, page.shape), 0, 255).astype(np.uint8)
    result = cleaned(noisy)
    assert (np.abs(result[there].astype(int) - 196) < 30).mean() > 0.9
    assert lost(page, noisy, there) == 0


def test_soft_gray_dust_goes():
    page = draw_page(40, 600, 900)
    dust = np.zeros(page.shape, np.float32)
    random = rng()
    rows, columns = (random.integers(5, length - 5, 250) for length in page.shape)
    free = blur((page < 255).astype(np.float32), 3) < 0.01
    rows, columns = rows[free[rows, columns]], columns[free[rows, columns]]
    dust[rows, columns] = 6.0
    dusty = np.rint(page * (1 - np.clip(blur(dust, 1.0), 0, 0.8))).astype(np.uint8)
    assert (dusty[rows, columns] < 100).all()
    result = cleaned(dusty)
    assert (result[rows, columns] > 240).mean() > 0.9
    assert (result[page < INK] == dusty[page < INK]).all()


def test_bright_specks_in_strokes_are_filled_with_ink():
    page = draw_page(64, 500, 900)
    inside = np.argwhere(blur(page.astype(np.float32), 1.0) < 4)
    chosen = inside[:: len(inside) // 60].T
    spoiled = page.copy()
    spoiled[*chosen] = 255
    result = cleaned(spoiled)
    assert (result[*chosen] < 40).mean() > 0.95
    assert (np.abs(result.astype(int) - page) > 8).mean() < 1e-3


def test_negatives_are_pages_too():
    speckled, there = add_specks(draw_page(24), 300, rng())
    assert (find_specks(255 - speckled).mask == find_specks(speckled).mask).all()
    assert (cleaned(255 - speckled)[there] < 55).mean() > 0.95


def test_halftones_stay():
    page = draw_page(30, 600, 900, rules=False)
    y, x = np.mgrid[:200, :300]
    page[380:580, 300:600] = np.where((x % 6 < 2) & (y % 6 < 2) & ((x + y) // 6 % 3 > 0), 0, 255)
    speckled, there = add_specks(page, 300, rng())
    found = find_specks(speckled).mask & ~there
    assert found[382:578, 302:598].mean() < 1e-3


def test_depth_alpha_colour_and_nan_make_no_difference():
    page, _ = add_specks(draw_page(24), 300, rng())
    expected = find_specks(page).mask
    assert expected.any()
    assert (find_specks(page.astype(np.uint16) * 257).mask == expected).all()
    yellowish = np.dstack([page, page, np.rint(page * 0.9).astype(np.uint8)])
    assert (find_specks(yellowish).mask == expected).mean() > 0.999
    assert (cleaned(yellowish)[find_specks(yellowish).mask & ~find_specks(yellowish).bright] == (255, 255, 230)).all()
    real = (page / np.float32(255)).astype(np.float32)
    assert (find_specks(real).mask == expected).all()
    real[:, 40] = np.nan
    assert np.isnan(cleaned(real)[:, 40]).all() and np.isfinite(np.delete(cleaned(real), 40, axis=1)).all()


def test_alpha_and_what_it_hides_stay():
    page, _ = add_specks(draw_page(24), 300, rng())
    picture = np.dstack([page, np.full(page.shape, 200, np.uint8)])
    picture[:, 300:, 1] = 0
    result = cleaned(picture)
    assert (result[..., 1] == picture[..., 1]).all() and (result[:, 300:] == picture[:, 300:]).all()
    assert (result[:, :300] != picture[:, :300]).any()


def test_sensitivity_finds_larger_ones():
    page, there = add_specks(draw_page(24), 300, rng(), side=2)
    found = [find_specks(page, sensitivity).mask[there].mean() for sensitivity in (0.3, 1.0, 3.0)]
    assert found[0] < found[1] < found[2]
    for wrong in (0.0, float("nan")):
        with pytest.raises(UsageError, match="sensitivity"):
            find_specks(page, wrong)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (40, 3), (17, 31)])
def test_any_size_and_no_print(size):
    for gray in (0, 255):
        page = np.full(size, gray, np.uint8)
        page[0, 0] = 120
        assert (cleaned(page) == page).all()
    with pytest.raises(ImageError):
        find_specks(np.zeros((*size, 7), np.uint8))
