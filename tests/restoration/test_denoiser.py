"""What a picture may rely on when it is cleaned: shape, type, alpha, holes, tiles, strength, noise level."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest
from tiny import Graph, cell_gain, pattern, residual

from denoise_ae.errors import ImageError, ModelError, UsageError
from denoise_ae.modelfiles.card import ModelCard
from denoise_ae.modelfiles.session import Session
from denoise_ae.restoration import tiled
from denoise_ae.restoration.denoiser import Denoiser, clean

TYPES = (np.uint8, np.uint16, np.float32)
SHAPES = [(1, 1), (17, 31), (1, 5000), (40, 3)]


@pytest.fixture(scope="session")
def model(network):
    """A Denoiser for one of the tiny networks, each loaded once."""
    loaded = {}

    def load(name: str, tile: int | None = None) -> Denoiser:
        if (name, tile) not in loaded:
            loaded[name, tile] = Denoiser(network(name), tile=tile)
        return loaded[name, tile]

    return load


@pytest.fixture
def save_model(save):
    """A Denoiser for a network made by the test."""
    return lambda graph, output, card: Denoiser(save(graph.model(output, card), card.name))


@pytest.fixture
def average(save_model):
    """A denoiser at its simplest: the mean of 5x5 pixels."""
    graph = Graph()
    weights = np.zeros((3, 3, 5, 5), np.float32)
    weights[range(3), range(3)] = 1 / 25
    padded = graph.add("Pad", "image", np.array([0, 0, 2, 2, 0, 0, 2, 2]), mode="edge")
    return save_model(graph, graph.add("Conv", padded, weights), ModelCard("average", receptive_field=5))


# Shape, type and depth


@pytest.mark.parametrize("size", SHAPES)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", ["rgb", "gray", "foreign-pooling"])
def test_shape_and_type_are_kept_and_the_picture_is_not_touched(model, size, channels, dtype, name):
    image = pattern(*size, channels, dtype)
    before = image.copy()
    result = model(name).clean(image)
    assert (result.shape, result.dtype) == (image.shape, image.dtype)
    assert result.flags.c_contiguous
    assert (image == before).all()
    assert not np.shares_memory(result, image)
    assert image.size < 10 or (result != image).any()


def test_a_view_that_is_not_contiguous_works(model):
    image = pattern(40, 60)
    turned = model("rgb").clean(image[::-1, ::2].transpose(1, 0, 2))
    assert (turned == model("rgb").clean(np.ascontiguousarray(image[::-1, ::2].transpose(1, 0, 2)))).all()


@pytest.mark.parametrize(("dtype", "peak"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1)])
def test_the_result_is_the_networks(network, model, dtype, peak):
    image = pattern(24, 30, dtype=dtype)
    batch = np.ascontiguousarray(image.astype(np.float32).transpose(2, 0, 1)[None] / np.float32(peak))
    expected = Session(network("rgb")).run(batch)[0].transpose(1, 2, 0)
    if dtype != np.float32:
        expected = np.rint(np.clip(expected * peak, 0, peak))
    difference = np.abs(model("rgb").clean(image).astype(np.float64) - expected)
    assert difference.max() <= (1e-6 if dtype == np.float32 else 1)
    assert (difference == 0).mean() > 0.99


def test_sixteen_bits_are_sixteen_bits(save_model):
    """An identity network gives back each of the 65536 values."""
    graph = Graph(channels=1)
    identity = save_model(graph, graph.add("Identity", "image"), ModelCard("same", channels=1))
    image = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    assert (identity.clean(image) == image).all()


def test_floats_are_not_clipped(save_model):
    graph = Graph()
    double = save_model(graph, graph.add("Add", "image", "image"), ModelCard("double"))
    image = np.array([[[-3, 0.75, 100]]], np.float32)
    assert (double.clean(image) == 2 * image).all()
    assert (double.clean(np.full((2, 2, 3), 200, np.uint8)) == 255).all()


def test_gray_on_a_network_for_colour_is_the_mean_of_its_channels(save_model):
    graph = Graph()
    gain = np.array([0.2, 0.4, 0.9], np.float32).reshape(1, 3, 1, 1)
    tint = save_model(graph, graph.add("Mul", "image", gain), ModelCard("tint"))
    image = pattern(9, 8, 1, np.float32)
    assert np.allclose(tint.clean(image), image * 0.5, atol=1e-6)


def test_colour_on_a_network_for_gray_is_cleaned_channel_by_channel(model):
    image = pattern(33, 20, 3, np.float32)
    result = model("gray").clean(image)
    for channel in range(3):
        alone = model("gray").clean(np.ascontiguousarray(image[..., channel]))
        assert np.allclose(result[..., channel], alone, atol=1e-6)


@pytest.mark.parametrize("level", [0, 1, 2, 128, 253, 254, 255])
def test_a_constant_picture_stays(average, level):
    image = np.full((20, 31, 3), level, np.uint8)
    assert np.abs(average.clean(image).astype(int) - level).max() <= 1


def test_cleaning_brings_a_noisy_picture_closer(average):
    flat = np.full((64, 64, 3), 0.5, np.float32)
    noisy = flat + np.random.default_rng(0).normal(0, 0.1, flat.shape).astype(np.float32)
    assert np.abs(average.clean(noisy) - flat).mean() < 0.3 * np.abs(noisy - flat).mean()


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4, 3), np.float64),
        np.zeros((4, 4, 3), np.int16),
        np.zeros((4, 4), np.bool_),
        np.zeros((4, 4, 5), np.uint8),
        np.zeros((4, 4, 1), np.uint8),
        np.zeros((2, 4, 4, 3), np.uint8),
        np.zeros(4, np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        [[1, 2], [3, 4]],
    ],
    ids=lambda image: f"{getattr(image, 'dtype', 'list')}-{getattr(image, 'shape', '')}",
)
def test_what_is_no_picture_is_refused(model, image):
    for method in (model("rgb").clean, model("rgb").estimate_sigma):
        with pytest.raises(ImageError) as caught:
            method(image)
        assert "\n" not in caught.value.message


# Tiles


@pytest.mark.parametrize("name", ["rgb", "foreign-pooling", "pooling", "gray"])
@pytest.mark.parametrize("size", [(97, 203), (64, 72), (1, 300)])
def test_tiled_equals_whole_for_every_tile_size(model, name, size):
    image = pattern(*size, dtype=np.float32)
    whole = model(name, 4096).clean(image)
    for tile in [1, 20, 33, 52, 53, 64, 100, 128, 208]:
        tiled = model(name, tile).clean(image)
        assert np.abs(tiled - whole).max() < 1e-5, tile


def test_the_whole_is_what_the_network_gives_for_the_mirrored_picture(network, model):
    image = pattern(33, 50, dtype=np.float32)
    padded = np.pad(image, ((0, 7), (0, 6), (0, 0)), mode="symmetric")
    batch = np.ascontiguousarray(padded.transpose(2, 0, 1)[None])
    expected = Session(network("pooling")).run(batch)[0].transpose(1, 2, 0)[:33, :50]
    assert np.abs(model("pooling", 4096).clean(image) - expected).max() < 1e-5
    assert np.abs(model("pooling", 48).clean(image) - expected).max() < 1e-5


def test_a_smaller_overlap_would_show(save):
    """The test above can fail: with half the receptive field in the card, tiles differ from the whole."""
    image = pattern(97, 203, dtype=np.float32)
    file = save(residual(ModelCard("short", receptive_field=7)))
    whole, tiled = (Denoiser(file, tile=tile).clean(image) for tile in (4096, 50))
    assert np.abs(tiled - whole).max() > 1e-3


@pytest.mark.parametrize("name", ["rgb", "pooling"])
def test_tiled_equals_whole_with_holes(model, name):
    image = pattern(150, 210, 4, np.float32)
    image[20:110, 30:170, 3] = 0
    image[120, 50:200:3, 0] = np.nan
    whole, tiled = (model(name, tile).clean(image) for tile in (4096, 64))
    assert np.nanmax(np.abs(tiled - whole)) < 1e-5
    assert (np.isnan(tiled) == np.isnan(image)).all()


def test_a_picture_smaller_than_a_network_takes_is_mirrored(save_model):
    graph = Graph()
    padded = graph.add("Pad", "image", np.array([0, 0, 5, 5, 0, 0, 5, 5]), mode="reflect")
    weights = np.full((3, 3, 11, 11), 1 / 363, np.float32)
    card = ModelCard("reflect", min_size=6, receptive_field=11)
    average = save_model(graph, graph.add("Conv", padded, weights), card)
    assert np.allclose(average.clean(np.full((1, 2, 3), 0.5, np.float32)), 0.5, atol=1e-5)


def test_progress_counts_tiles(model):
    seen = []
    model("rgb", 64).clean(pattern(200, 200), progress=lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] > 4
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


@pytest.mark.parametrize("tile", [0, -5])
def test_an_empty_tile_is_refused(network, tile):
    with pytest.raises(UsageError, match="tile"):
        Denoiser(network("rgb"), tile=tile)


def test_tiles_are_bounded_whatever_the_picture(network, monkeypatch):
    """No run of the network sees more than a tile's worth of pixels, nor less than makes sense."""
    shapes = []
    real = Session.restore

    def spy(self, batch, *rest, **named):
        shapes.append(batch.shape)
        return real(self, batch, *rest, **named)

    small = Denoiser(network("rgb"), tile=100)
    monkeypatch.setattr(Session, "restore", spy)
    for size in [(700, 300), (1, 50_000), (50_000, 1), (30, 30)]:
        small.clean(np.zeros((*size, 3), np.uint8))
    assert max(count * height * width for count, _, height, width in shapes) <= 100 * 100


@pytest.mark.parametrize("threads", [1, 2])
def test_no_more_tiles_are_in_work_than_there_may_be_threads(network, monkeypatch, threads):
    inside, most = [], []
    real = Session.restore

    def spy(self, batch, *rest, **named):
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.02)
        inside.pop()
        return real(self, batch, *rest, **named)

    small = Denoiser(network("rgb"), tile=100, threads=threads)
    monkeypatch.setattr(Session, "restore", spy)
    small.clean(np.zeros((500, 500, 3), np.uint8))
    assert max(most) == threads


def test_a_caller_that_stops_listening_leaves_no_thread_behind(network):
    def stop(done, total):
        raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        Denoiser(network("rgb"), tile=100, threads=2).clean(np.zeros((500, 500, 3), np.uint8), progress=stop)
    assert threading.active_count() == before


# Fixed sizes


def test_a_sheet_of_digits_is_cleaned_cell_by_cell(model):
    sheet = pattern(28 * 3, 28 * 5, 1, np.float32)
    for name in ("cell", "foreign-cell"):
        assert np.allclose(model(name).clean(sheet), sheet * np.tile(cell_gain(), (3, 5)), atol=1e-6)


def test_a_large_sheet_goes_through_in_several_runs(network):
    sheet = pattern(28 * 8, 28 * 8, 3, np.float32)
    result = Denoiser(network("cell"), tile=60).clean(sheet)
    assert np.allclose(result, sheet * np.tile(cell_gain(), (8, 8))[..., None], atol=1e-6)


@pytest.mark.parametrize("size", [(28, 29), (27, 28), (14, 28), (56, 30)])
def test_a_size_that_cells_do_not_fill_is_refused_with_a_hint(model, size):
    with pytest.raises(ModelError, match=f"28 x 28.*not {size[1]} x {size[0]}") as caught:
        model("cell").clean(pattern(*size, 1))
    assert caught.value.hint


# Alpha and pixels that are no numbers


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("dtype", TYPES)
def test_alpha_comes_back_bit_for_bit(model, channels, dtype):
    image = pattern(40, 50, channels, dtype)
    assert (model("rgb").clean(image)[..., -1] == image[..., -1]).all()


@pytest.mark.parametrize("dtype", TYPES)
def test_nothing_leaks_from_under_alpha_0(model, dtype):
    image = pattern(60, 70, 4, dtype)
    image[..., 3] = 1
    image[10:40, 20:50, 3] = 0
    other = image.copy()
    other[10:40, 20:50, :3] = 1 if dtype == np.float32 else np.iinfo(dtype).max
    first, second = model("rgb").clean(image), model("rgb").clean(other)
    shown = image[..., 3] > 0
    assert (first[shown] == second[shown]).all()
    assert (first[~shown] == image[~shown]).all()
    assert (second[~shown] == other[~shown]).all()


def test_a_cut_out_keeps_its_edge(average):
    """White on transparent black: no gray halo."""
    image = np.zeros((40, 40, 4), np.uint8)
    image[12:28, 12:28] = 255
    result = average.clean(image)
    assert (result[12:28, 12:28] >= 254).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers_stay_and_do_not_spread(model, bad):
    image = pattern(40, 50, dtype=np.float32)
    fine = model("rgb").clean(image)
    image[20, 25, 1] = bad
    result = model("rgb").clean(image)
    assert np.array_equal(result[20, 25], image[20, 25], equal_nan=True)
    others = np.ones((40, 50), np.bool_)
    others[20, 25] = False
    assert np.isfinite(result[others]).all()
    far = np.abs(np.mgrid[0:40, 0:50] - np.array([20, 25])[:, None, None]).max(axis=0) > 6
    assert np.allclose(result[far], fine[far], atol=1e-6)


@pytest.mark.parametrize("image", [np.full((5, 6, 3), np.nan, np.float32), np.zeros((5, 6, 4), np.uint8)])
def test_a_picture_of_nothing_but_holes_comes_back(model, image):
    assert np.array_equal(model("rgb").clean(image), image, equal_nan=True)


# Strength


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", ["rgb", "told", "cell"])
def test_strength_0_gives_back_the_picture_and_runs_nothing(model, monkeypatch, dtype, name):
    loaded, image = model(name), pattern(56, 28, 4, dtype)
    monkeypatch.setattr(Session, "run", None)
    assert (loaded.clean(image, strength=0) == image).all()


def test_strength_scales_the_change(model):
    image = pattern(30, 40, dtype=np.float32)
    change = model("rgb").clean(image) - image
    for strength in (0.25, 0.5, 1.5):
        assert np.allclose(model("rgb").clean(image, strength=strength) - image, strength * change, atol=1e-6)


def test_strength_above_1_tells_a_higher_level(model):
    image = pattern(30, 40, dtype=np.float32)
    assert np.allclose(
        model("told").clean(image, 10, strength=1.4), model("told").clean(image, 14, strength=1), atol=1e-6
    )
    change = model("told").clean(image, 10) - image
    assert np.allclose(model("told").clean(image, 10, strength=0.5) - image, 0.5 * change, atol=1e-6)


@pytest.mark.parametrize("strength", [-0.1, 1.6, float("nan"), float("inf")])
def test_a_strength_out_of_range_is_refused(model, strength):
    with pytest.raises(UsageError, match="strength"):
        model("rgb").clean(pattern(8, 8), strength=strength)


# Noise level


def test_the_noise_level_is_in_8_bit_steps_at_any_depth(save_model):
    graph = Graph()
    card = ModelCard("level", takes_sigma=True)
    level = save_model(graph, graph.add("Add", graph.add("Sub", "image", "image"), graph.sigma()), card)
    assert (level.clean(np.zeros((8, 8, 3), np.uint8), 25) == 25).all()
    assert (level.clean(np.zeros((8, 8, 3), np.uint16), 25) == 25 * 257).all()
    assert np.allclose(level.clean(np.zeros((8, 8, 3), np.float32), 25), 25 / 255)


def test_without_a_level_it_is_estimated(model):
    image = np.full((128, 128, 3), 0.5, np.float32)
    image += np.random.default_rng(0).normal(0, 20 / 255, image.shape).astype(np.float32)
    estimate = model("told").estimate_sigma(image)
    assert 18 < estimate < 22
    assert np.allclose(model("told").clean(image), model("told").clean(image, estimate), atol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_estimate_of_a_large_picture_is_as_of_a_small_one(model, dtype):
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:1600, 0:1500] / 400
    unit = 0.5 + 0.2 * np.sin(y * x) + random.normal(0, 12 / 255, y.shape)
    image = np.rint(unit * np.iinfo(dtype).max).astype(dtype)
    assert model("told").estimate_sigma(image) == pytest.approx(12, rel=0.1)
    assert model("told").estimate_sigma(image[:700, :700]) == pytest.approx(12, rel=0.1)


def test_the_estimate_sees_visible_pixels_only(model):
    random = np.random.default_rng(0)
    image = np.full((400, 400, 4), 255, np.uint8)
    image[..., :3] = np.rint(128 + random.normal(0, 15, (400, 400, 3)))
    image[:250, :, :] = 0
    assert model("told").estimate_sigma(image) == pytest.approx(15, rel=0.1)


@pytest.fixture
def estimating(save):
    """A network that finds noise of 20 steps, in cells of 8 pixels, left of column 96, and 10 right of it.

    Its result is the level that it goes by.
    """

    def make(tile=None):
        card = ModelCard("estimating", size_multiple=8, receptive_field=9, takes_sigma=True, estimates_sigma=True)
        graph = Graph()
        pooled = graph.add("AveragePool", "image", kernel_shape=[8, 8], strides=[8, 8])
        level = graph.add("ReduceMean", pooled, axes=[1], keepdims=1)
        told, asked = graph.add("Relu", graph.sigma()), graph.add("Relu", graph.add("Neg", "sigma"))
        used = graph.add("Add", told, graph.add("Mul", asked, level))
        scales = np.array([1, 3, 8, 8], np.float32)
        mode = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        model = graph.model(graph.add("Resize", used, "", scales, **mode), card)
        model.graph.node.append(onnx.helper.make_node("Identity", [level], ["noise_level"]))
        model.graph.output.append(onnx.helper.make_tensor_value_info("noise_level", onnx.TensorProto.FLOAT, None))
        return Denoiser(save(model, "estimating"), tile=tile)

    image = np.full((100, 128, 3), 10, np.uint8)
    image[:, :96] = 20
    return make, image


@pytest.mark.parametrize("tile", [None, 48])
def test_a_model_may_estimate_the_level_itself(estimating, tile):
    make, image = estimating
    model = make(tile)
    restored = model.restore(image)
    assert (restored.pixels == image).all()
    assert restored.sigma == pytest.approx(17.5, rel=1e-3)  # the mean over its area
    assert restored.change == pytest.approx(0, abs=1e-3)
    assert model.estimate_sigma(image) == pytest.approx(20, rel=1e-3)  # that of the smooth parts


def test_strength_scales_what_the_model_estimated_and_a_told_level_replaces_it(estimating):
    make, image = estimating
    model = make()
    assert (model.clean(image, strength=1.5) == image * 1.5).all()
    assert (model.clean(image, strength=0) == image).all()
    told = model.restore(image, 12)
    assert (told.pixels == 12).all()
    assert told.sigma == 12
    assert told.change == pytest.approx(np.sqrt((96 * 8**2 + 32 * 2**2) / 128), rel=1e-3)
    assert model.restore(image, 12, strength=0.5).change == pytest.approx(told.change, rel=1e-3)
    assert make().restore(np.full((16, 16), 30, np.uint8)).sigma == pytest.approx(30, rel=1e-3)


def test_no_more_than_noise_is_taken_away(save_model):
    """A network that would paint everything black may move a pixel by four standard deviations, and by none at 0."""
    graph = Graph()
    card = ModelCard("black", takes_sigma=True)
    graph.sigma()
    black = save_model(graph, graph.add("Sub", "image", "image"), card)
    image = np.full((20, 20), 200, np.uint8)
    assert (black.clean(image, 10) == 160).all()
    assert (black.clean(image, 0) == 200).all()
    assert (black.clean(image, 10, 0.5) == 180).all()


@pytest.mark.parametrize("sigma", [-1, float("nan"), float("inf")])
def test_a_level_out_of_range_is_refused(model, sigma):
    with pytest.raises(UsageError, match="noise level"):
        model("told").clean(pattern(8, 8), sigma)


def test_a_level_for_a_model_that_takes_none_is_refused_by_its_name(model):
    with pytest.raises(UsageError, match="rgb takes no noise level"):
        model("rgb").clean(pattern(8, 8), 25)


# Use


def test_threads_may_share_a_denoiser(model):
    images = [pattern(90, 100, seed=seed) for seed in range(8)]
    alone = [model("pooling", 64).clean(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(model("pooling", 64).clean, images))
    assert all((one == other).all() for one, other in zip(alone, together, strict=True))


def test_clean_is_a_shorthand(network, model):
    image = pattern(20, 20)
    assert (clean(image, network("rgb"), strength=0.5) == model("rgb").clean(image, strength=0.5)).all()


def test_an_installed_model_is_found_by_name(network):
    from denoise_ae.modelfiles import catalog

    catalog.add(network("foreign"), "mine")
    found = Denoiser("mine")
    assert found.card.name == "mine"
    assert found.card.receptive_field == 13
    image = pattern(20, 20)
    assert (found.clean(image) == Denoiser(network("rgb")).clean(image)).all()


def test_the_default_tile_follows_the_overlap():
    sides = [tiled.default_tile(overlap) for overlap in (0, 6, 20, 60, 112, 500)]
    assert sides == sorted(sides)
    assert sides[0] == tiled.SMALLEST_TILE
    assert sides[-1] == tiled.LARGEST_TILE
