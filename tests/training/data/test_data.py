"""Training data: reproducible batches, honest noise, and folders that hold what they should not."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from PIL import Image

from denoise_ae.errors import TrainingError
from denoise_ae.noise.corruptions import NOISE_TYPES, NumpySource, corrupt
from denoise_ae.noise.damage import KINDS
from denoise_ae.training.data.corruption import (
    TorchSource,
    add_noise,
    noise_seed,
)
from denoise_ae.training.data.digits import Digits
from denoise_ae.training.data.load import load_data, load_pictures
from denoise_ae.training.data.photos import Photos
from denoise_ae.training.recipes.recipe import NoiseRecipe, Recipe, Stage

PHOTO = Recipe.model_validate(
    {"network": {"type": "unet"}, "data": {"kind": "photos", "clip": False, "gray": 0.5}, "noise": [{"level": 25}]}
)
STAGE = Stage(batch=6, patch=32)
LEVELS = {
    "gaussian": 25,
    "uniform": 40,
    "poisson": 50,
    "speckle": 0.2,
    "salt-pepper": 0.1,
    "mask": 0.3,
    "jpeg": 20,
}


def pictures(count=5, size=(48, 64)):
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(count)]


def save(folder, name, array):
    folder.mkdir(exist_ok=True)
    Image.fromarray(array).save(folder / name)


@pytest.mark.parametrize("kind", [kind for kind in NOISE_TYPES if kind not in ("camera", *KINDS)])
def test_numpy_and_torch_share_one_definition(kind):
    """The same moments from both, on a picture large enough that they are sharp; and zero noise would fail."""
    image = np.linspace(0.1, 0.9, 128 * 128, dtype=np.float32).reshape(128, 128, 1).repeat(3, 2)
    by_numpy = corrupt(image, kind, LEVELS[kind], NumpySource(0)) - image
    tensor = torch.from_numpy(image).permute(2, 0, 1)[None]
    source = TorchSource(torch.Generator().manual_seed(0))
    by_torch = (corrupt(tensor, kind, torch.full((1, 1, 1, 1), float(LEVELS[kind])), source) - tensor).numpy()
    assert by_numpy.std() > 0.004
    assert by_torch.std() == pytest.approx(by_numpy.std(), rel=0.03)
    assert by_torch.mean() == pytest.approx(by_numpy.mean(), abs=0.004)


def test_each_picture_of_a_batch_has_its_own_camera():
    clean = torch.full((6, 3, 64, 64), 0.5)
    source = TorchSource(torch.Generator().manual_seed(0))
    noise = corrupt(clean, "camera", torch.tensor([100.0] * 5 + [5000.0]).view(6, 1, 1, 1), source) - clean
    levels = noise.flatten(1).std(dim=1)
    assert len(set(levels.tolist())) == 6
    assert levels[:5].min() > levels[5] > 0


def test_levels_are_drawn_on_the_scale_that_the_recipe_names():
    """A tenth and ten times the middle are as likely; on a linear scale one level in a hundred would be below 1."""
    clean = torch.zeros(400, 1, 8, 8)
    even = NoiseRecipe(level=(0.1, 100), spacing="log")
    _, sigma = add_noise(clean, [even], clip=False, seed=0)
    assert 0.23 < (sigma * 255 < 0.1 * 10**0.75).float().mean() < 0.27 + 0.05
    assert 0.4 < (sigma * 255 < 10**0.5).float().mean() < 0.6


def test_same_seed_same_noise_other_seed_other_noise():
    clean = torch.rand(4, 3, 16, 16)
    kinds = [NoiseRecipe(level=(5, 50)), NoiseRecipe(type="poisson", level=(10, 50), weight=2)]
    a, b, c = (add_noise(clean, kinds, clip=False, seed=seed)[0] for seed in (1, 1, 2))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert not torch.equal(a, clean)


def test_the_level_returned_is_the_level_of_the_noise():
    clean = torch.full((64, 3, 64, 64), 0.5)
    for kinds in ([NoiseRecipe(level=(5, 50))], [NoiseRecipe(type="speckle", level=(0.1, 0.5))]):
        noisy, sigma = add_noise(clean, kinds, clip=False, seed=0)
        measured = (noisy - clean).std((1, 2, 3))
        assert torch.allclose(measured, sigma.flatten(), rtol=0.05)
        assert sigma.max() > 2 * sigma.min()


def test_gray_pictures_get_gray_noise():
    """Three independent draws would teach averaging the channels, which helps no real gray picture."""
    clean = torch.rand(4, 3, 16, 16)
    clean[:2] = clean[:2, :1]
    for kind in ({"level": 25}, {"type": "poisson", "level": 20}, {"type": "salt-pepper", "level": 0.2}):
        noisy, _ = add_noise(clean, [NoiseRecipe.model_validate(kind)], clip=False, seed=0)
        assert (noisy[:2] == noisy[:2, :1]).all()
        assert not torch.equal(noisy[0], clean[0])
    colour, _ = add_noise(clean, [NoiseRecipe.model_validate({"level": 25})], clip=False, seed=0)
    assert not (colour[2:] == colour[2:, :1]).all()
    photos = Photos(PHOTO, pictures(20)).validation()
    gray = [bool((clean == clean[:, :1]).all()) for clean, _, _ in photos]
    assert any(gray) and not all(gray)


def test_mixture_draws_kinds_by_weight_and_applies_what_follows():
    clean = torch.full((400, 1, 8, 8), 0.5)
    kinds = [
        NoiseRecipe(type="mask", level=(1, 1), weight=3),
        NoiseRecipe.model_validate({"type": "gaussian", "level": 0, "then": [{"type": "salt-pepper", "level": 1}]}),
    ]
    noisy, _ = add_noise(clean, kinds, clip=True, seed=0)
    masked = (noisy == 0).all(1).all(1).all(1)
    assert 0.68 < masked.float().mean() < 0.82
    assert set(noisy[~masked].unique().tolist()) == {0.0, 1.0}


def test_photo_batches_depend_on_seed_epoch_and_index_alone():
    a, b = Photos(PHOTO, pictures()), Photos(PHOTO, pictures())
    b.batch(3, 7, STAGE)  # what was drawn before must not matter
    assert torch.equal(a.batch(0, 1, STAGE), b.batch(0, 1, STAGE))
    first = a.batch(0, 1, STAGE)
    for epoch, index in ((0, 2), (1, 1)):
        assert not torch.equal(first, a.batch(epoch, index, STAGE))
    assert first.shape == (6, 3, 32, 32)
    assert len({noise_seed(PHOTO, epoch, index) for epoch in range(20) for index in range(20)}) == 400


def test_photo_patches_are_turned_grayed_and_cut_from_the_pictures():
    data = Photos(PHOTO, pictures(1, (32, 32)))
    source = torch.from_numpy(pictures(1, (32, 32))[0]).permute(2, 0, 1).float() / 255
    batch = data.batch(0, 0, Stage(batch=200, patch=32))
    gray = (batch[:, :1] == batch).all(3).all(2).all(1)
    assert 0.4 < gray.float().mean() < 0.6
    # Every colour patch holds exactly the picture's values, channels and pixels in some order.
    for patch in batch[~gray][:20]:
        assert torch.equal(patch.flatten().sort()[0], source.flatten().sort()[0])
    assert len({tuple(patch[:, 0, 0].tolist()) for patch in batch[~gray]}) > 4


def test_held_out_photographs_are_not_trained_on():
    marked = [np.full((40, 40, 3), value, np.uint8) for value in range(0, 250, 10)]
    recipe = PHOTO.model_copy(update={"data": PHOTO.data.model_copy(update={"gray": 0.0})})
    data = Photos(recipe, marked)
    judged = {round(float(clean.mean()) * 255) for clean, _noisy, _sigma in data.validation()}
    trained = {round(float(p.mean()) * 255) for i in range(40) for p in data.batch(0, i, STAGE)}
    assert len(judged) == 5
    assert not judged & trained


def test_validation_noise_is_the_same_every_time():
    data = Photos(PHOTO, pictures())
    for a, b in zip(data.validation(), data.validation(), strict=True):
        assert torch.equal(a[1], b[1])
        assert not torch.equal(a[0], a[1])


def test_digits_are_shuffled_anew_and_none_is_lost():
    images = np.arange(100, dtype=np.uint8)[:, None, None] * np.ones((1, 28, 28), np.uint8)
    recipe = Recipe.model_validate({"training": {"stages": [{"batch": 20}]}})
    data = Digits(recipe, images)
    assert data.steps_per_epoch == 4
    stage = recipe.training.stages[0]
    epochs = [
        torch.cat([data.batch(epoch, i, stage) for i in range(4)])[:, 0, 0, 0].mul(255).round() for epoch in (0, 1)
    ]
    assert sorted(epochs[0].tolist()) == sorted(epochs[1].tolist()) == list(range(80))
    assert not torch.equal(*epochs)
    held_out = torch.cat([clean for clean, _, _ in data.validation()])[:, 0, 0, 0].mul(255).round()
    assert sorted(held_out.tolist()) == list(range(80, 100))


def test_pictures_of_all_kinds_become_rgb(tmp_path):
    save(tmp_path, "gray.png", np.full((40, 40), 100, np.uint8))
    save(tmp_path, "deep.png", np.full((40, 40), 100 * 257, np.uint16))
    save(tmp_path, "alpha.png", np.full((40, 40, 4), 100, np.uint8))
    save(tmp_path / "deeper", "colour.jpg", np.full((40, 50, 3), 100, np.uint8))
    found, left_out = load_pictures([tmp_path], 32)
    assert [p.shape for p in found] == [(40, 40, 3)] * 2 + [(40, 50, 3), (40, 40, 3)]
    assert all(p.dtype == np.uint8 and np.all(np.abs(p.astype(int) - 100) <= 1) for p in found)
    assert left_out == []


def test_unusable_files_are_left_out_by_name(tmp_path):
    save(tmp_path, "good.png", np.zeros((40, 40, 3), np.uint8))
    save(tmp_path, "small.png", np.zeros((16, 90, 3), np.uint8))
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    (tmp_path / "notes.txt").write_text("no picture either")
    found, left_out = load_pictures([tmp_path], 32)
    assert len(found) == 1
    assert len(left_out) == 2
    assert any("broken.png" in line for line in left_out) and any("small.png" in line for line in left_out)


def test_folders_without_a_usable_picture(tmp_path):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(TrainingError) as error:
            load_pictures([folder], 64)
        assert str(folder) in error.value.message and error.value.hint
    save(tmp_path, "small.png", np.zeros((16, 16, 3), np.uint8))
    with pytest.raises(TrainingError, match=r"small\.png"):
        load_pictures([tmp_path], 64)
    with pytest.raises(TrainingError, match="no pictures"):
        load_data(PHOTO, [])


def test_one_picture_is_enough(tmp_path):
    save(tmp_path, "one.png", pictures(1, (70, 70))[0])
    data, _ = load_data(PHOTO, [tmp_path])
    assert data.steps_per_epoch >= 1
    assert data.batch(0, 0, Stage(batch=2, patch=64)).shape == (2, 3, 64, 64)
    assert len(data.validation()) == 1


def test_magnified_patches_are_softer_pictures_of_the_same():
    """A share of them, as the recipe says; the others stay as they are."""
    stage = Stage(batch=64, patch=32)

    def roughness(share):
        data = {"kind": "photos", "clip": False, "permute": False, "magnified": share}
        recipe = Recipe.model_validate({"network": {"type": "unet"}, "data": data, "noise": [{"level": 25}]})
        patches = Photos(recipe, pictures()).batch(0, 0, stage)
        assert patches.shape == (64, 3, 32, 32)
        assert patches.min() >= 0 and patches.max() <= 1
        assert patches.mean().item() == pytest.approx(0.5, abs=0.02)
        return (patches[..., 1:] - patches[..., :-1]).flatten(1).std(dim=1)

    plain, half, all_of_them = (roughness(share) for share in (0.0, 0.5, 0.999))
    assert all_of_them.mean() < 0.75 * plain.mean()
    soft = (half < 0.9 * plain.min()).sum().item()
    assert 16 < soft < 48


def test_patches_are_magnified_where_their_noise_asks_for_it():
    """Those and no others, so that what a camera takes is as soft as a camera's files."""
    noise = [{"level": 1}, {"type": "camera", "level": 1000, "magnified": 1.0}]
    data = {"kind": "photos", "clip": False, "permute": False, "magnification": 3.0}
    recipe = Recipe.model_validate({"network": {"type": "unet"}, "data": data, "noise": noise})
    clean = Photos(recipe, pictures()).batch(3, 5, Stage(batch=64, patch=32))
    noisy, _ = add_noise(clean, recipe.noise, clip=False, seed=noise_seed(recipe, 3, 5))
    camera = (noisy - clean).flatten(1).std(dim=1) > 2 / 255
    assert 16 < camera.sum() < 48
    # Magnified less than by a twentieth, noise of one pixel stays nearly as rough as it was.
    rough = (clean[..., 1:] - clean[..., :-1]).flatten(1).std(dim=1)
    assert rough[camera].mean() < 0.6 * rough[~camera].mean()
    assert rough[~camera].min() > 0.95 * rough[~camera].mean()
