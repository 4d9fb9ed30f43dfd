"""Learning from noisy pictures alone: what is drawn, what the loss is lowest for, and when it is refused."""

import csv

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from PIL import Image
from small_runs import CPU

from denoise_ae.errors import TrainingError, UsageError
from denoise_ae.noise.correlation import FARTHEST, noise_correlation
from denoise_ae.noise.profile import measure_noise, white_noise
from denoise_ae.pixels.filters import blur
from denoise_ae.training.data.load import load_data
from denoise_ae.training.data.noisy_photos import (
    check_independent,
    estimate_levels,
    own_noise,
    separate,
)
from denoise_ae.training.export.export import export
from denoise_ae.training.fitting.checkpoint import find_checkpoint, load_checkpoint
from denoise_ae.training.fitting.fit import fit
from denoise_ae.training.fitting.plan import make_plan
from denoise_ae.training.fitting.pretrained import load_pretrained
from denoise_ae.training.losses.neighbours import neighbour_loss, neighbours
from denoise_ae.training.losses.recorrupted import SHARES, recorrupted_loss
from denoise_ae.training.networks.build import build
from denoise_ae.training.recipes.defaults import assemble
from denoise_ae.training.recipes.description import describe_noise
from denoise_ae.training.recipes.recipe import Recipe, Stage


def scene(number, side=96):
    """A smooth picture with edges, HxWx3, 0 to 1."""
    y, x = np.mgrid[:side, :side] / side
    waves = np.stack([np.sin(5 * x + number), np.cos(4 * y), np.sin(3 * (x + y))], axis=-1)
    return 0.5 + 0.2 * waves + 0.1 * ((x * 4).astype(int) % 2)[..., None]


def noise(number, sigma, softened=0.0, side=96):
    random = np.random.default_rng(number).normal(0, 1, (side, side, 3)).astype(np.float32)
    random = blur(random, softened) if softened else random
    return random / random.std() * sigma / 255


@pytest.fixture(scope="module")
def noisy_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("noisy")
    for number in range(6):
        pixels = np.rint(255 * np.clip(scene(number) + noise(number, 25), 0, 1)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def self_supervised(**training):
    values = {"epochs": 2, "steps_per_epoch": 5, "self_supervised": True, "ema": 0.9}
    return Recipe.model_validate(
        {
            "name": "noisy",
            "network": {"type": "unet", "widths": [8, 16], "blocks": [1, 1]},
            "data": {"kind": "photos", "clip": False, "permute": False, "validation": 1},
            "noise": [],
            "training": values | {"stages": [{"batch": 4, "patch": 32}]} | training,
        }
    )


# What is drawn


def test_neighbours_are_two_adjacent_pixels_of_each_cell():
    places = torch.arange(8 * 12, dtype=torch.float32).view(1, 1, 8, 12).expand(3, 2, -1, -1)
    first, second = neighbours(places, seed=1)
    assert first.shape == second.shape == (3, 2, 4, 6)
    for drawn in (first, second):
        cells = (drawn // 12 // 2) * 6 + (drawn % 12) // 2
        assert torch.equal(cells, torch.arange(24.0).view(1, 1, 4, 6).expand_as(cells))
        assert torch.equal(drawn[:, 0], drawn[:, 1])  # the channels of a pixel stay together
    steps = (first - second).abs().unique().tolist()
    assert steps == [1, 12]
    assert not torch.equal(first[0], first[1])
    assert torch.equal(first, neighbours(places, seed=1)[0])
    assert not torch.equal(first, neighbours(places, seed=2)[0])


def test_cutting_up_keeps_every_pixel_and_sets_neighbours_apart():
    picture = np.arange(10 * 13 * 3, dtype=np.uint16).reshape(10, 13, 3)
    parts = separate(picture, 3)
    assert len(parts) == 9 and all(part.shape == (3, 4, 3) for part in parts)
    assert (parts[0][0, 1] == picture[0, 3]).all() and (parts[5][1, 2] == picture[3 + 1, 6 + 2]).all()
    assert len({int(value) for part in parts for value in part.ravel()}) == 9 * 12 * 3
    assert (separate(picture, 1)[0] == picture).all()


# What the loss is lowest for


class Constant(torch.nn.Module):
    """Gives back the mean of the clean picture, off by a little."""

    def __init__(self, clean, off):
        super().__init__()
        self.clean, self.off = clean, off

    def forward(self, image, sigma_input):
        whole = self.clean if image.shape == self.clean.shape else torch.nn.functional.avg_pool2d(self.clean, 2)
        return whole + self.off


def test_the_loss_is_lowest_for_the_clean_picture():
    clean = torch.full((2, 3, 64, 64), 0.5)
    noisy = clean + 0.1 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    sigma_input, shifts = torch.zeros(2, 1, 1, 1), (-0.05, 0.0, 0.05)
    losses = [float(neighbour_loss(Constant(clean, off), noisy, sigma_input, 2.0, seed=0)) for off in shifts]
    assert losses[1] < losses[0] and losses[1] < losses[2]
    # All of it is the neighbours' own noise, which nothing can lower.
    assert losses[1] == pytest.approx(0.01 * (1 + 2), rel=0.05)


def test_the_second_term_takes_away_what_neighbours_differ_by():
    """On a clean slope a network that changes nothing is right, and only the second term sees that."""
    slope = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
    sigma_input = torch.zeros(1, 1, 1, 1)

    class Nothing(torch.nn.Module):
        def forward(self, image, sigma_input):
            return image

    without = float(neighbour_loss(Nothing(), slope, sigma_input, 0.0, seed=0))
    both = float(neighbour_loss(Nothing(), slope, sigma_input, 2.0, seed=0))
    assert without > 0 and both == pytest.approx(without, abs=1e-9)


LOUDER = 1 + np.mean(np.linspace(*SHARES, 1001) ** 2)
"""Variance of the noise with what is drawn on top, in that of the picture's own."""


@pytest.mark.parametrize("softened", [0.0, 0.8])
def test_recorrupted_pictures_judge_as_the_clean_one_would(softened):
    """In variances of the noise: 1 more than what a network leaves of it."""
    clean = torch.from_numpy(np.stack([scene(n, 192).transpose(2, 0, 1) for n in range(2)]).astype(np.float32))
    made = np.stack([noise(n, 20, softened, side=192).transpose(2, 0, 1) for n in range(2)])
    noisy = clean + torch.from_numpy(made)
    model = measure_noise([picture.numpy().transpose(1, 2, 0) for picture in noisy])
    own = own_noise([model, model], noisy)
    sigma_input = own.level

    twice = torch.cat((clean, clean))

    def loss(restore):
        return float(recorrupted_loss(restore, noisy, own, sigma_input, seed=3))

    for left in (0.0, 0.3, 1.0):
        kept = loss(lambda picture, _, left=left: twice + left * (picture - twice))
        assert kept == pytest.approx(1 + left**2 * LOUDER, abs=0.15)
    # A smooth picture, of which the noise is gone, but the edges too.
    smooth = loss(lambda picture, _: torch.nn.functional.avg_pool2d(picture, 15, 1, 7))
    blurred = torch.nn.functional.avg_pool2d(noisy, 15, 1, 7)
    assert smooth == pytest.approx(
        1 + float((blurred - clean).square().mean() / own.deviation.square().mean()), rel=0.2
    )


def test_more_noise_is_told_where_it_is_drawn_on_top_and_estimated_where_nobody_tells():
    noisy = torch.full((4, 3, 32, 32), 0.5)
    own = own_noise([white_noise(0.1, 3)] * 4, noisy)
    heard = []

    def restore(picture, sigma_input):
        heard.append((picture, sigma_input))
        return picture

    recorrupted_loss(restore, noisy, own, own.level, seed=0)
    recorrupted_loss(restore, noisy, own, torch.full((4, 1, 1, 1), -1.0), seed=0)
    (pictures, sigma_input), (_, unknown) = heard
    added = (pictures - 0.5).std((1, 2, 3))
    assert (0.1**2 + added**2).sqrt().numpy() == pytest.approx(sigma_input.flatten().numpy(), rel=0.05)
    assert torch.allclose(pictures[:4] + pictures[4:], torch.ones(1))
    assert (unknown == -1).all()


# How far noise is spatially correlated


@pytest.mark.parametrize("sigma", [10, 25])
def test_white_noise_is_independent(sigma):
    found = noise_correlation((scene(0, 192) + noise(1, sigma, side=192)).astype(np.float32))
    assert found[0] == 1 and np.abs(found[1:]).max() < 0.1
    assert len(found) == FARTHEST + 1


def as_files(made):
    return [np.rint(255 * picture.clip(0, 1)).astype(np.uint8) for picture in made]


def test_white_noise_is_taken():
    check_independent(as_files(scene(n, 192) + noise(n, 25, side=192) for n in range(3)))


@pytest.mark.parametrize(("softened", "stride"), [(0.6, 2), (1.2, 3)])
def test_soft_noise_is_refused_with_what_was_measured(softened, stride):
    with pytest.raises(TrainingError, match=r"spatially correlated.* by 0\.[3-9]") as caught:
        check_independent(as_files(scene(n, 192) + noise(n, 25, softened, side=192) for n in range(3)))
    assert f"data.stride = {stride} " in caught.value.hint


def test_noise_that_is_correlated_over_rows_is_refused_altogether():
    """Lines, as sensors make them when they are read row by row."""
    with pytest.raises(TrainingError, match="spatially correlated") as caught:
        check_independent(as_files(0.5 + np.repeat(noise(n, 25, side=192)[:, :1], 192, axis=1) for n in range(3)))
    assert "stride" not in caught.value.hint


def test_pictures_without_noise_or_too_small_are_no_reason_to_fail():
    assert (noise_correlation(np.full((64, 64), 0.5, np.float32)) == 0).all()
    assert np.isnan(noise_correlation(np.zeros((10, 90, 3), np.float32))).all()


# The data and a run


def test_the_noisy_set_is_frozen_and_its_level_is_told(noisy_folder):
    recipe = self_supervised()
    data, _ = load_data(recipe, [noisy_folder])
    stored = {np.asarray(Image.open(path)).tobytes(): path.name for path in noisy_folder.iterdir()}
    assert len(stored) == 6
    patches = data.batch(0, 0, Stage(batch=8, patch=96))
    for patch in patches:
        found = np.rint(255 * patch.permute(1, 2, 0).numpy()).astype(np.uint8)
        ways = [way for turned in (found, found.transpose(1, 0, 2)) for way in
                (turned, turned[::-1], turned[:, ::-1], turned[::-1, ::-1])]  # fmt: skip
        assert any(np.ascontiguousarray(way).tobytes() in stored for way in ways), "something was done to a picture"
    own = data.own_noise(0, 0, Stage(batch=8, patch=96), patches)
    assert own is not None and own.level.shape == (8, 1, 1, 1)
    assert (255 * own.level).numpy() == pytest.approx(25, rel=0.15)
    assert "noise of sigma 2" in data.notes[0]


@pytest.mark.parametrize("recorrupted", [0.0, 0.5, 1.0])
def test_a_run_tells_a_loss_and_no_psnr_and_its_model_cleans(noisy_folder, tmp_path, recorrupted):
    stages = [{"batch": 8, "patch": 32}]
    recipe = self_supervised(
        epochs=2, steps_per_epoch=200, learning_rate=3e-3, optimizer="muon", stages=stages, recorrupted=recorrupted
    )
    best = fit(make_plan(recipe), [noisy_folder], tmp_path / "run", hardware=CPU)
    rows = list(csv.DictReader((tmp_path / "run" / "metrics.csv").open()))
    assert {row["val_psnr"] for row in rows} == {"nan"}
    assert float(rows[-1]["val_loss"]) < float(rows[0]["val_loss"])
    assert best is not None and best.val_loss == min(float(row["val_loss"]) for row in rows)
    assert load_checkpoint(find_checkpoint(tmp_path / "run")).figures == {}
    card = export(find_checkpoint(tmp_path / "run"), tmp_path / "mine.onnx")
    assert card.psnr == {} and card.sigma_range is None and "without clean ones" in card.noise
    from denoise_ae.measure.metrics import psnr
    from denoise_ae.restoration.denoiser import Denoiser

    clean = scene(9).astype(np.float32)
    dirty = (clean + noise(9, 25)).astype(np.float32)
    assert psnr(Denoiser(tmp_path / "mine.onnx").clean(dirty), clean) > psnr(dirty, clean) + 0.5


def test_pictures_that_are_as_noisy_count_as_equally_noisy_and_others_do_not():
    def levels(*sigmas):
        made = as_files(scene(n, 128) + noise(n, sigma, side=128) for n, sigma in enumerate(sigmas))
        return 255 * np.array(estimate_levels(made))

    alike = levels(20, 20, 20, 20, 20, 30)
    assert len(set(alike.tolist())) == 1 and alike[0] == pytest.approx(20, rel=0.07)
    assert levels(5, 10, 20, 40) == pytest.approx([5, 10, 20, 40], rel=0.15)


def test_soft_noise_is_cut_up_where_a_recipe_says_so(tmp_path):
    for number in range(3):
        Image.fromarray(as_files([0.5 + noise(number, 25, 1.2)])[0]).save(tmp_path / f"{number}.png")
    with pytest.raises(TrainingError, match="spatially correlated"):
        load_data(self_supervised(), [tmp_path])
    values = self_supervised().model_dump(mode="json")
    values["data"]["stride"] = 3
    data, _ = load_data(Recipe.model_validate(values), [tmp_path])
    assert data.batch(0, 0, Stage(batch=2, patch=32)).shape == (2, 3, 32, 32)
    values["training"]["stages"] = [{"batch": 4, "patch": 48}]
    with pytest.raises(TrainingError, match="stride of 3 pixels, no part has 48"):
        load_data(Recipe.model_validate(values), [tmp_path])


def test_an_estimator_is_fitted_to_soft_noise_and_nothing_else_is(tmp_path):
    for number in range(5):
        soft = scene(number, 192) + noise(number, 12, 1.0, side=192)
        Image.fromarray(as_files([soft])[0]).save(tmp_path / f"{number}.png")
    start = load_pretrained("photo")
    flags = {"training.epochs": 1, "training.steps_per_epoch": 8, "training.ema": 0.5}
    recipe = assemble(None, [tmp_path], flags, start=start.recipe, self_supervised=True)
    assert (recipe.training.part, recipe.training.self_supervised) == ("estimator", True)
    values = recipe.model_dump(mode="json")
    values["training"]["stages"] = [{"batch": 4, "patch": 64}]
    values["training"]["warmup_steps"] = 0
    recipe = Recipe.model_validate(values)
    fit(make_plan(recipe, start), [tmp_path], tmp_path / "run", hardware=CPU)
    before, after = build(recipe.network), load_checkpoint(find_checkpoint(tmp_path / "run")).network()
    start.load_into(before)
    changed = {
        name.split(".")[0]
        for (name, old), new in zip(before.state_dict().items(), after.state_dict().values(), strict=True)
        if not torch.equal(old, new)
    }
    assert changed == {"estimator"}
    shot = torch.from_numpy((scene(9, 192) + noise(9, 12, 1.0, side=192)).astype(np.float32).transpose(2, 0, 1))[None]
    sigma_input = torch.full((1, 1, 1, 1), -1.0)
    with torch.no_grad():
        assert after.restore(shot, sigma_input)[1].mean() > 1.02 * before.restore(shot, sigma_input)[1].mean()


# Flags and recipes


def test_the_flag_makes_a_recipe_without_noise(tmp_path):
    recipe = assemble(None, [tmp_path], {}, self_supervised=True)
    assert recipe.training.self_supervised and recipe.noise == () and recipe.judged_by == "val_loss"
    assert describe_noise(recipe) == "that of the training pictures themselves, learnt without clean ones"
    with pytest.raises(UsageError, match="own noise"):
        assemble(None, [tmp_path], {}, "0.1", self_supervised=True)
    with pytest.raises(UsageError, match="noisy pictures"):
        assemble(None, [], {}, self_supervised=True)


def test_a_model_with_noise_of_its_own_is_trained_further_without(tmp_path):
    values = self_supervised().model_dump(mode="json")
    values["training"]["self_supervised"] = False
    values["noise"] = [{"type": "gaussian", "level": [0, 55]}]
    values["data"] |= {"gray": 0.3, "magnified": 0.2, "permute": True}
    recipe = assemble(None, [tmp_path], {}, start=Recipe.model_validate(values), self_supervised=True)
    assert recipe.noise == () and (recipe.data.gray, recipe.data.magnified, recipe.data.permute) == (0, 0, False)


def test_a_model_that_learnt_without_clean_pictures_is_trained_further_with_noise(tmp_path):
    recipe = assemble(None, [tmp_path], {}, "0.1", start=self_supervised())
    assert not recipe.training.self_supervised and recipe.noise[0].level == (25.5, 25.5)
    assert assemble(None, [tmp_path], {}, start=self_supervised()).training.self_supervised


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"noise": [{"level": 5}]}, "own noise"),
        ({"data": {"kind": "photos", "gray": 0.5, "permute": False}}, "does not change pictures"),
        ({"training": {"self_supervised": True, "stages": [{"patch": 36}]}}, "multiples of 8"),
        ({"training": {"self_supervised": False}}, "at least one"),
        ({"training": {"self_supervised": True, "part": "denoiser"}}, "no part but the estimator"),
        ({"training": {"self_supervised": True, "part": "estimator"}}, "estimator is false"),
    ],
)
def test_recipes_that_make_no_sense_are_refused(change, word):
    with pytest.raises(ValueError, match=word):
        Recipe.model_validate(self_supervised().model_dump(mode="json") | change)
