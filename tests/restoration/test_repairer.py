"""Repairing arrays: marked pixels are filled from the others, which stay bit for bit, in tiles as in one piece."""

import numpy as np
import pytest
from tiny import pattern

from denoise_ae.errors import ImageError, Interrupted, ModelError, UsageError
from denoise_ae.modelfiles.runtime import Interrupt
from denoise_ae.modelfiles.session import Session
from denoise_ae.noise.damage import draw_mask
from denoise_ae.pixels.masked import fill
from denoise_ae.restoration.denoiser import Denoiser
from denoise_ae.restoration.repairer import Repairer

LOST = draw_mask("strokes", 50, 70, 0.1, np.random.default_rng(0))


@pytest.fixture
def repairer(network):
    return Repairer(network("filling"))


def picture(channels=3, dtype=np.uint8):
    return pattern(*LOST.shape, channels, dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("model", ["filling", "filling-gray"])
def test_only_marked_pixels_change_and_alpha_never(network, model, channels, dtype):
    image = picture(channels, dtype)
    before = image.copy()
    fixed = Repairer(network(model)).repair(image, LOST)
    assert (image == before).all()
    assert fixed.shape == image.shape and fixed.dtype == dtype
    assert (fixed[~LOST] == image[~LOST]).all()
    if channels in (2, 4):
        assert (fixed[..., -1] == image[..., -1]).all()
    colour = (fixed if channels == 1 else fixed[..., :-1] if channels in (2, 4) else fixed)[LOST]
    assert (colour != (image if channels == 1 else image[..., : colour.shape[-1]])[LOST]).mean() > 0.8


def test_what_lies_under_the_mask_is_not_looked_at(repairer):
    image, other = picture(), picture()
    other[LOST] = 255 - other[LOST]
    assert (repairer.repair(image, LOST) == repairer.repair(other, LOST)).all()
    real = picture(dtype=np.float32)
    broken = real.copy()
    broken[LOST] = np.nan
    assert (repairer.repair(real, LOST) == repairer.repair(broken, LOST)).all()


def test_nan_beside_the_mask_stays_and_does_not_spread(repairer):
    image = picture(dtype=np.float32)
    there = np.zeros_like(LOST)
    there[10, 10] = there[40, 60] = True
    image[there] = np.nan
    fixed = repairer.repair(image, LOST & ~there)
    assert (np.isnan(fixed).any(axis=2) == there).all()


def test_what_alpha_hides_stays_and_is_not_looked_at(repairer):
    image = picture(4)
    image[5:9, 5:9, 3] = 0
    other = image.copy()
    other[5:9, 5:9, :3] = 255
    hidden = image[..., 3] == 0
    lost = LOST | hidden
    fixed = repairer.repair(image, lost)
    assert (fixed[hidden] == image[hidden]).all()
    assert (repairer.repair(other, lost)[~hidden] == fixed[~hidden]).all()


def test_the_network_sees_the_rough_fill_and_the_mask_both_ways_round(network, repairer):
    image = pattern(32, 48, dtype=np.float32)
    lost = LOST[:32, :48]
    batch = fill(image, lost).transpose(2, 0, 1)[None].copy()
    mask = lost[None, None].astype(np.float32)
    session = Session(network("filling"))
    ways = [
        np.flip(session.fill(np.flip(batch, axes).copy(), np.flip(mask, axes).copy()), axes) for axes in ((), (2, 3))
    ]
    expected = np.mean(ways, axis=0)[0].transpose(1, 2, 0)
    assert np.abs(ways[0] - ways[1]).max() > 1e-3
    assert np.allclose(repairer.repair(image, lost)[lost], expected[lost], atol=1e-6)


@pytest.mark.parametrize("tile", [40, 64, 100])
def test_tiled_equals_whole(network, tile):
    image = pattern(150, 230)
    lost = draw_mask("strokes", 150, 230, 0.2, np.random.default_rng(1))
    whole = Repairer(network("filling"), tile=400).repair(image, lost)
    tiled = Repairer(network("filling"), tile=tile).repair(image, lost)
    assert np.abs(whole.astype(int) - tiled).max() <= 1


def test_tiles_without_damage_are_not_run(network):
    image, lost = pattern(200, 200), np.zeros((200, 200), bool)
    lost[3, 3] = True
    told = []
    Repairer(network("filling"), tile=50).repair(image, lost, progress=lambda *parts: told.append(parts))
    assert told == [(1, 1)]


def test_an_empty_mask_gives_the_picture_back(repairer):
    image = picture()
    fixed = repairer.repair(image, np.zeros_like(LOST))
    assert (fixed == image).all() and fixed is not image


@pytest.mark.parametrize("size", [(1, 1), (1, 90), (17, 31)])
def test_any_size(repairer, size):
    lost = np.zeros(size, bool)
    lost[0, 0] = size != (1, 1)
    assert repairer.repair(pattern(*size), lost).shape == (*size, 3)


def test_what_makes_no_sense_is_refused(repairer):
    with pytest.raises(ImageError, match="nothing is left"):
        repairer.repair(picture(), np.ones_like(LOST))
    with pytest.raises(UsageError, match="50 x 69"):
        repairer.repair(picture(), LOST[:, :-1])
    with pytest.raises(UsageError, match="uint8"):
        repairer.repair(picture(), LOST.astype(np.uint8))
    with pytest.raises(ImageError):
        repairer.repair(np.zeros((4, 4, 5), np.uint8), np.ones((4, 4), bool))


def test_models_are_for_one_or_the_other(network):
    with pytest.raises(ModelError, match="takes no mask") as caught:
        Repairer(network("rgb"))
    assert "--model repair" in caught.value.hint
    with pytest.raises(ModelError, match="can't clean") as caught:
        Denoiser(network("filling"))
    assert "denoise-ae repair" in caught.value.hint


def test_an_interrupt_ends_it(repairer):
    interrupt = Interrupt()
    interrupt.set()
    with pytest.raises(Interrupted):
        repairer.repair(picture(), LOST, interrupt=interrupt)
