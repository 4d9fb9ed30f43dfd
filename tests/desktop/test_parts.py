"""The parts of the window that need no Qt: canvas, pyramid, geometry and turning."""

import numpy as np
import pytest
from tiny import pattern

from denoise_ae.desktop.picture.canvas import CELL, Canvas
from denoise_ae.desktop.picture.document import open_bytes
from denoise_ae.desktop.picture.geometry import HIGHEST_ZOOM, Viewport
from denoise_ae.desktop.picture.orientation import to_stored, to_stored_point
from denoise_ae.desktop.picture.preview import LEAST, MOST, preview
from denoise_ae.desktop.picture.pyramid import double, halve, level_count, reductions, refresh
from denoise_ae.desktop.picture.settings import PictureSettings
from denoise_ae.imagefiles.images import encode
from denoise_ae.pixels.convert import upright
from denoise_ae.pixels.masked import MaskedImage
from denoise_ae.restoration.cleaning import Strength
from denoise_ae.restoration.denoiser import Denoiser, Residual

EVERYTHING = slice(0, 10**6), slice(0, 10**6)


def drain(canvas, denoiser, pixels, seen=None, focus=(0.0, 0.0)):
    """Clean a canvas to its end; return the windows in their order."""
    masked, windows = MaskedImage(pixels), []
    wanted = canvas.settings.strengths
    while (window := canvas.next_window(seen, focus)) is not None:
        part = denoiser.residual(masked, window, canvas.settings.sigma, luma=wanted.luma, chroma=wanted.chroma)
        canvas.put(window, part)
        windows.append(window)
    return windows


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0, 1.4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_canvas_gives_what_the_denoiser_gives(network, channels, dtype, strength):
    pixels = pattern(300, 270, channels, dtype)
    denoiser = Denoiser(network("rgb"), threads=1)
    settings = PictureSettings("rgb", strength=strength)
    canvas = Canvas(pixels, settings.base)
    drain(canvas, denoiser, pixels)
    result = canvas.result(pixels, settings.mix)
    whole = denoiser.clean(pixels, strength=strength)
    step = 1 if dtype == np.uint8 else 257 if dtype == np.uint16 else 1 / 255
    assert (result.shape, result.dtype) == (pixels.shape, pixels.dtype)
    assert np.abs(result.astype(float) - whole).max() <= step
    assert (strength == 0) == bool((result == pixels).all())


@pytest.mark.parametrize(("luma", "chroma"), [(0.0, 1.0), (0.6, 0.0), (0.3, 1.4), (1.2, 1.5), (None, 0.5)])
@pytest.mark.parametrize(
    ("model", "channels", "dtype"), [("rgb", 3, np.uint8), ("photo-fast", 4, np.uint8), ("photo-fast", 3, np.float32)]
)
def test_luminance_and_colour_are_cleaned_apart_as_the_denoiser_does(network, model, channels, dtype, luma, chroma):
    pixels = pattern(150, 140, channels, dtype)
    denoiser = Denoiser(network("rgb") if model == "rgb" else model, threads=1)
    settings = PictureSettings(model, strength=0.8, luma=luma, chroma=chroma)
    canvas = Canvas(pixels, settings.base)
    drain(canvas, denoiser, pixels)
    whole = denoiser.clean(pixels, strength=0.8, luma=luma, chroma=chroma, defects=False)
    step = 1 if dtype == np.uint8 else 1 / 255
    assert np.abs(canvas.result(pixels, settings.mix).astype(float) - whole).max() <= step


def test_settings_with_the_same_residual_share_a_canvas():
    assert PictureSettings(strength=0.4).base == PictureSettings(luma=0.2, chroma=1.0).base == PictureSettings().base
    assert PictureSettings(luma=1.3, chroma=1.3).base == PictureSettings(strength=1.3).base
    assert PictureSettings(luma=0.5, chroma=1.3).base != PictureSettings(luma=1.3, chroma=0.5).base
    assert not PictureSettings(luma=0.0, chroma=1.0).base.defects, "a hot pixel is part of what is to stay"


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("gray", [True, False])
def test_hot_pixels_are_filled_in_a_copy_as_the_denoiser_does(channels, gray):
    noise = np.random.default_rng(0).normal(90, 2, (120, 140, channels))
    pixels = np.clip(noise[..., :1].repeat(channels, axis=2) if gray else noise, 0, 255).astype(np.uint8)
    if channels in (2, 4):
        pixels[..., -1] = 255
    colours = channels - 1 + channels % 2
    pixels[[20, 60, 99], [30, 70, 110], :colours] = 255
    document = open_bytes(encode(pixels[..., 0] if channels == 1 else pixels, "png"), "x")
    sound = document.find_hot_pixels()
    assert document.find_hot_pixels() is sound
    assert sound.hot_pixels >= 3
    assert (document.pixels[20, 30].reshape(-1)[:colours] == 255).all(), "the picture itself stays"
    assert (np.abs(sound.pixels[[20, 60, 99], [30, 70, 110]].reshape(3, -1)[:, :colours].astype(int) - 90) < 8).all()
    changed = np.atleast_3d(sound.pixels != document.pixels).any(axis=2)
    assert changed.sum() == 3
    assert (sound.shown[0] == np.atleast_3d(sound.pixels)).all()
    plain = open_bytes(encode(np.full((40, 40), 90, np.uint8), "png"), "x")
    assert plain.find_hot_pixels() is plain.stored


def test_nan_and_infinity_stay_where_they_are(network):
    pixels = pattern(60, 70, dtype=np.float32)
    pixels[10, 10], pixels[20, 30] = np.nan, np.inf
    denoiser = Denoiser(network("rgb"), threads=1)
    canvas = Canvas(pixels, PictureSettings("rgb"))
    drain(canvas, denoiser, pixels)
    result = canvas.result(pixels, Strength())
    assert np.isnan(result[10, 10]).all()
    assert np.isinf(result[20, 30]).all()
    assert np.isfinite(result).sum() == result.size - 6


def test_what_is_seen_comes_first_and_begins_small():
    canvas = Canvas(np.zeros((2000, 3000, 3), np.uint8), PictureSettings())
    seen = slice(900, 1400), slice(1500, 2300)
    order, seen_after = [], 0
    while (window := canvas.next_window(seen, (1150, 1900))) is not None:
        if not canvas.is_done(seen):
            seen_after = len(order) + 1
            assert all(a.start < b.stop and b.start < a.stop for a, b in zip(window, seen, strict=True))
        assert canvas.done[canvas.cells(window)].mean() <= 0.5
        canvas.done[canvas.cells(window)] = True
        order.append(window)
    first = order[0]
    assert all(part.stop - part.start <= CELL for part in first)
    assert first[0].start <= 1150 < first[0].stop
    assert first[1].start <= 1900 < first[1].stop
    assert seen_after < 4 < len(order)
    assert len(order) < canvas.done.size / 4
    assert canvas.complete


def test_reductions_are_means_and_are_refreshed_in_part():
    pixels = pattern(601, 777)
    levels = reductions(pixels)
    assert len(levels) == level_count(601, 777) == 3
    assert np.abs(levels[1][:300, :388] - pixels[:600, :776].reshape(300, 2, 388, 2, 3).mean(axis=(1, 3))).max() <= 0.5
    floats = [level.astype(np.float16) for level in levels]
    floats[0][128:256, 384:777] = 7
    refresh(floats, (slice(128, 256), slice(384, 777)))
    again = [floats[0]]
    for _ in floats[1:]:
        again.append(halve(again[-1]))
    assert (floats[1][64:128, 192:389] == 7).all()
    assert np.abs(floats[2][32:64, 96:195] - again[2][32:64, 96:195]).max() == 0
    assert (floats[1][:60] == levels[1][:60]).all()


def test_doubling_undoes_halving_of_what_is_smooth():
    rows, columns = np.mgrid[:41, :57]
    smooth = np.dstack([rows * 3 + columns, 200 - columns * 2]).astype(np.float32)
    doubled = double(smooth)
    assert doubled.shape == (82, 114, 2)
    np.testing.assert_allclose(halve(doubled)[1:-1, 1:-1], smooth[1:-1, 1:-1], atol=1e-3)


def test_what_is_worth_a_preview():
    canvas = Canvas(np.zeros((3000, 4000, 3), np.uint8), PictureSettings())
    seen = slice(1000, 1800), slice(1000, 2280)
    assert canvas.next_preview(None, LEAST, MOST) is None
    window = canvas.next_preview(seen, LEAST, MOST)
    assert window == (slice(896, 1920), slice(896, 2304))
    assert canvas.next_preview((slice(0, 3000), slice(0, 4000)), LEAST, MOST) is None  # it would take long itself
    assert canvas.next_preview((slice(0, 200), slice(0, 200)), LEAST, MOST) is None  # it is clean soon enough
    canvas.done[canvas.cells((slice(896, 1024), slice(896, 1024)))] = True
    canvas.put_preview(window, np.ones((1024, 1408, 3), np.float32))
    assert (canvas.levels[0][1024:1920, 896:2304] == 1).all()
    assert (canvas.levels[0][896:1024, 896:1024] == 0).all(), "what is clean stays"
    assert (canvas.levels[1][512:960, 448:1152] == 1).all()
    assert canvas.next_preview(seen, LEAST, MOST) is None
    assert not canvas.is_done(seen)
    canvas.put((slice(1024, 1152), slice(1024, 1152)), Residual(np.zeros((128, 128, 3), np.float32), np.empty(0)))
    assert (canvas.levels[0][1024:1152, 1024:1152] == 0).all()


@pytest.mark.parametrize(("channels", "side"), [(3, 600), (1, 600), (4, 600), (3, 1300)])
def test_a_preview_is_about_what_comes(channels, side):
    clean = np.add.outer(np.linspace(40, 160, side), np.linspace(0, 60, side))[..., None].repeat(channels, axis=2)
    clean[side // 3 : side // 2, side // 4 : side // 2] -= 30
    noisy = np.clip(clean + np.random.default_rng(0).normal(0, 20, clean.shape), 0, 255).astype(np.uint8)
    if channels == 4:
        noisy[..., 3] = 255
    noisy = noisy[..., 0] if channels == 1 else noisy
    document = open_bytes(encode(noisy, "png"), "x")
    window = slice(128, side), slice(256, side)
    taken = preview(document.stored, Denoiser(threads=1), window, 20.0, Strength())
    colours = min(channels, 3)
    shown = document.stored.shown[0][window][..., :colours] + 255 * taken
    assert taken.shape == (side - 128, side - 256, colours)
    error = np.abs(shown - clean[window][..., :colours]).mean()
    assert error < 0.25 * np.abs(noisy.astype(float).reshape(clean.shape) - clean)[window][..., :colours].mean()


def test_a_model_of_one_size_gives_no_preview():
    document = open_bytes(encode(pattern(28 * 25, 28 * 25, 1), "png"), "x")
    window = slice(0, 700), slice(0, 700)
    assert preview(document.stored, Denoiser("digits", threads=1), window, None, Strength()) is None


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_part_of_what_is_seen_is_found_in_what_is_stored(orientation):
    stored = np.arange(5 * 7).reshape(5, 7)
    seen = upright(stored, orientation)
    window = slice(1, 4), slice(2, 5)
    part = stored[to_stored(window, orientation, (5, 7))]
    assert (upright(part, orientation) == seen[window]).all()
    row, column = to_stored_point((1.5, 2.5), orientation, (5, 7))
    assert stored[int(row), int(column)] == seen[1, 2]


def test_zooming_keeps_the_point_under_the_pointer():
    view = Viewport((4000, 3000), (800, 600))
    view.fit()
    assert view.zoom == pytest.approx(0.2)
    view.zoom_to(1.0)
    before = view.to_picture(100, 500)
    view.zoom_to(3.0, (100, 500))
    assert view.to_picture(100, 500) == pytest.approx(before)
    view.zoom_to(1000)
    assert view.zoom == HIGHEST_ZOOM
    view.pan(-(10**9), -(10**9))
    assert view.seen()[0].stop == 3000
    assert view.seen()[1].stop == 4000
    view.resize(400, 300)
    assert view.zoom == HIGHEST_ZOOM
    view.fit()
    view.resize(1600, 1200)
    assert view.zoom == pytest.approx(0.4)


def test_the_level_grows_with_the_parts():
    canvas = Canvas(np.zeros((200, 200), np.uint8), PictureSettings())
    canvas.put((slice(0, 128), slice(0, 128)), Residual(np.zeros((128, 128, 1)), np.array([4.0, 8.0, 9.0])))
    first = canvas.sigma
    canvas.put((slice(128, 200), slice(0, 128)), Residual(np.zeros((72, 128, 1)), np.array([20.0] * 9)))
    assert first < canvas.sigma == pytest.approx((4 + 8 + 9 + 9 * 20) / 12)
