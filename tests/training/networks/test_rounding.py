"""Training with rounding: what int8 will do to a network happens in training too, and gradients do not notice."""

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch")

from small_runs import save_checkpoint

from denoise_ae.modelfiles.session import Session
from denoise_ae.training.export.export import export
from denoise_ae.training.export.quantize import quantize
from denoise_ae.training.networks.build import build
from denoise_ae.training.networks.rounding import Rounding, round_activations, round_weights
from denoise_ae.training.recipes.recipe import NetworkRecipe

NETWORK = {"type": "unet", "widths": [16, 32], "blocks": [1, 1]}


def test_activations_take_256_steps_a_channel():
    x = torch.randn(2, 3, 40, 50, generator=torch.Generator().manual_seed(0)) * torch.tensor([1, 4, 0.01]).view(
        -1, 1, 1
    )
    rounded = round_activations(x)
    for channel in range(3):
        values = rounded[:, channel].unique()
        step = values.diff().min()
        assert 20 < len(values) <= 256
        torch.testing.assert_close((values / step).round() * step, values, atol=step.item() / 100, rtol=0)
        assert (rounded - x)[:, channel].abs().max() <= 0.51 * step
    # A weak channel has finer steps than a strong one, though not as many as of its own it would have.
    assert rounded[:, 2].unique().diff().min() < rounded[:, 1].unique().diff().min() / 20


def test_nothing_and_what_is_positive_stay_exact_at_zero():
    assert round_activations(torch.zeros(1, 2, 4, 4)).eq(0).all()
    x = torch.rand(1, 2, 8, 8) + 1
    x[0, 0, 0, 0] = 0
    assert round_activations(x)[0, 0, 0, 0] == 0


def test_weights_take_7_bits_for_each_channel_that_they_make():
    weight = torch.randn(4, 3, 3, 3) * torch.tensor([1, 10, 0.1, 0]).view(-1, 1, 1, 1)
    rounded = round_weights(weight)
    for before, after in zip(weight[:3], rounded, strict=False):
        steps = after / (before.abs().max() / 63)
        assert (steps - steps.round()).abs().max() < 1e-3 and steps.abs().max() <= 63.001
    assert rounded[3].eq(0).all()


def test_gradients_pass_as_if_nothing_was_rounded():
    x, weight = torch.randn(1, 2, 6, 6, requires_grad=True), torch.randn(2, 2, 3, 3, requires_grad=True)
    (2 * round_activations(x)).sum().backward()
    (3 * round_weights(weight)).sum().backward()
    assert x.grad.eq(2).all() and weight.grad.eq(3).all()


@pytest.mark.parametrize("kept", ["finest", "ends"])
def test_it_predicts_what_int8_does_to_a_network(tmp_path, kept):
    """The error that rounding makes in torch is about as large as that of the quantised model in onnxruntime.

    It is not the same error, since already slightly different ranges round otherwise.
    """
    torch.manual_seed(0)
    path = save_checkpoint(tmp_path / "a.ckpt", NETWORK)
    export(path, tmp_path / "a.onnx")
    exact = Session(tmp_path / "a.onnx", "cpu")
    noisy = np.random.default_rng(0).random((1, 3, 64, 64), np.float32)
    feeds = {"image": noisy, "sigma": np.full((1, 1, 1, 1), 0.1, np.float32)}
    quantised = quantize(onnx.load(tmp_path / "a.onnx"), [feeds], "minmax", kept=kept).SerializeToString()
    in_int8 = Session(quantised, "cpu", card=exact.card).run(noisy, 0.1) - exact.run(noisy, 0.1)

    network = build(NetworkRecipe.model_validate(NETWORK))
    state = torch.load(path, weights_only=True)["state_dict"]
    network.load_state_dict({name.removeprefix("network."): value for name, value in state.items()})
    image, level = torch.from_numpy(noisy), torch.full((1, 1, 1, 1), 0.1)
    with torch.no_grad():
        plain = network(image, level)
        rounded = (Rounding(network, kept)(image, level) - plain).numpy()
    assert np.abs(in_int8).max() > 0
    assert 0.6 < rounded.std() / in_int8.std() < 1.6, rounded.std() / in_int8.std()


def test_the_weights_that_are_kept_are_not_rounded():
    network = build(NetworkRecipe.model_validate(NETWORK))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    rounding = Rounding(network)
    loss = rounding(torch.rand(1, 3, 16, 16), torch.full((1, 1, 1, 1), 0.1)).square().mean()
    loss.backward()
    assert list(network.state_dict()) == list(before)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in network.parameters())
