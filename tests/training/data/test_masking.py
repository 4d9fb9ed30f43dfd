"""Masked pixels in training: how they are filled, what mask the network gets, and a run of its own."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from PIL import Image
from small_runs import CPU
from tiny import pattern

from denoise_ae.noise.corruptions import MASKING_NOISE_TYPES
from denoise_ae.pixels.masked import fill
from denoise_ae.restoration.repairer import Repairer
from denoise_ae.training.data.corruption import mask_pixels
from denoise_ae.training.export.export import export
from denoise_ae.training.fitting.checkpoint import find_checkpoint
from denoise_ae.training.fitting.fit import fit
from denoise_ae.training.fitting.plan import make_plan
from denoise_ae.training.recipes.recipe import NoiseRecipe, Recipe


def clean(count=3, side=32):
    return torch.from_numpy(np.stack([pattern(side, side, seed=i, dtype=np.float32) for i in range(count)])).permute(
        0, 3, 1, 2
    )


@pytest.mark.parametrize("kind", MASKING_NOISE_TYPES)
def test_masked_pixels_are_filled_from_the_rest(kind):
    pictures = clean()
    filled, mask = mask_pixels(pictures, [NoiseRecipe(type=kind, level=(0.2, 0.2))], seed=5)
    assert mask.shape == (3, 1, 32, 32) and set(mask.unique().tolist()) == {0, 1}
    assert 0.15 < float(mask.mean()) < 0.4
    assert (filled == pictures)[(mask == 0).expand_as(pictures)].all()
    for picture, own, found in zip(pictures, mask, filled, strict=True):
        expected = fill(picture.permute(1, 2, 0).numpy(), own[0].numpy() == 1)
        assert np.array_equal(found.permute(1, 2, 0).numpy(), expected)
    again, same = mask_pixels(pictures, [NoiseRecipe(type=kind, level=(0.2, 0.2))], seed=5)
    assert torch.equal(filled, again) and torch.equal(mask, same)
    assert not torch.equal(mask, mask_pixels(pictures, [NoiseRecipe(type=kind, level=(0.2, 0.2))], seed=6)[1])


def test_a_run_learns_to_fill_and_its_model_repairs(tmp_path):
    """Waves: a rough fill is a staircase, and the masked pixels follow from the others."""
    y, x = np.mgrid[:64, :64]
    for number in range(6):
        phases = [x / (4 + number), y / 5, (x + y) / 7]
        ramp = 0.5 + 0.4 * np.sin(np.stack(phases, axis=-1) + number)
        Image.fromarray(np.rint(255 * ramp).astype(np.uint8)).save(tmp_path / f"{number}.png")
    recipe = Recipe.model_validate(
        {
            "name": "fills",
            "network": {"type": "unet", "widths": [16, 16], "blocks": [1, 1], "mask": True},
            "data": {"kind": "photos", "clip": False},
            "noise": [{"type": "strokes", "level": [0.1, 0.3]}, {"type": "mask", "level": [0.3, 0.5]}],
            "training": {
                "epochs": 2,
                "steps_per_epoch": 40,
                "learning_rate": 1e-2,
                "optimizer": "muon",
                "stages": [{"batch": 4, "patch": 32, "loss": "log-mse"}],
            },
        }
    )
    best = fit(make_plan(recipe), [tmp_path], tmp_path / "run", hardware=CPU)
    assert best is not None and best.val_psnr > best.noisy_psnr + 1
    export(find_checkpoint(tmp_path / "run"), tmp_path / "fills.onnx")
    repairer = Repairer(tmp_path / "fills.onnx")
    picture = np.asarray(Image.open(tmp_path / "0.png"))
    mask = np.random.default_rng(0).random((64, 64)) < 0.4
    fixed = repairer.repair(picture, mask)
    assert (fixed[~mask] == picture[~mask]).all()

    def error(found):
        return np.abs(found.astype(float) - picture)[mask].mean()

    rough = np.rint(255 * fill(picture.astype(np.float32) / 255, mask))
    assert error(fixed) < error(rough)
