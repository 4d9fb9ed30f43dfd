"""The autoencoders: shapes, what they claim about themselves, and what the textbook asks for."""

import pytest

torch = pytest.importorskip("torch")

from denoise_ae.training.networks import unet
from denoise_ae.training.networks.build import build, count_parameters, macs_per_pixel
from denoise_ae.training.recipes.recipe import NetworkRecipe


def make(**values):
    torch.manual_seed(0)
    return build(NetworkRecipe.model_validate(values)).eval()


@pytest.mark.parametrize("values", [{"type": "dense"}, {"type": "conv"}, {"type": "conv", "skip": True}])
def test_digit_networks_take_28x28(values):
    network = make(**values)
    image = torch.rand(3, 1, 28, 28)
    assert network(image, torch.zeros(3, 1, 1, 1)).shape == image.shape
    assert network.fixed_size == (28, 28)


def test_dense_is_the_textbook_network():
    network = make(type="dense")
    layers = [m for m in network.modules() if isinstance(m, torch.nn.Linear)]
    assert [layers[0].in_features, *(m.out_features for m in layers)] == [784, 128, 64, 64, 128, 784]
    # A linear output layer can go below 0 and above 1.
    assert isinstance(list(network.decoder)[-1], torch.nn.Linear)


@pytest.mark.parametrize("linear", [False, True])
def test_the_code_of_dense_layers_is_cut_at_0_unless_it_is_linear(linear):
    """What is cut for every picture never learns again; older models were trained so, and must stay as they are."""
    codes = make(type="dense", latent=50, linear_code=linear).encode(torch.rand(20, 1, 28, 28))
    assert (codes > 0).any()
    assert bool((codes < 0).any()) == linear


@pytest.mark.parametrize("kind", ["dense", "conv"])
def test_latent_code_has_the_asked_length_and_decodes(kind):
    network = make(type=kind, latent=17)
    image = torch.rand(2, 1, 28, 28)
    code = network.encode(image)
    assert code.shape == (2, 17)
    assert torch.allclose(network.decode(code), network(image, torch.zeros(2, 1, 1, 1)), atol=1e-6)


def test_without_skips_everything_passes_through_the_code():
    """Zeroing the code's layer must make the output the same for all inputs, unless there are skip connections."""
    for skip in (False, True):
        network = make(type="conv", skip=skip)
        torch.nn.init.zeros_(network.to_code.weight)
        a, b = (network(torch.rand(1, 1, 28, 28), torch.zeros(1, 1, 1, 1)) for _ in range(2))
        assert torch.equal(a, b) is not skip


@pytest.mark.parametrize("channels", [1, 3])
def test_unet_scales_with_the_picture(channels):
    """No biases: f(k x, k sigma) = k f(x, sigma), so that no range of values is special."""
    network = make(type="unet", widths=(16, 32), blocks=(1, 1), channels=channels)
    image, sigma = torch.rand(1, channels, 16, 24), torch.full((1, 1, 1, 1), 0.1)
    assert torch.allclose(network(7 * image, 7 * sigma), 7 * network(image, sigma), atol=1e-4)


def test_a_unet_that_is_told_a_mask_changes_what_is_marked_alone():
    network = make(type="unet", widths=(16, 32), blocks=(1, 1), mask=True)
    image, mask = torch.rand(2, 3, 16, 24), (torch.rand(2, 1, 16, 24) < 0.3).float()
    filled = network(image, mask)
    assert (filled == image)[(mask == 0).expand_as(image)].all()
    assert (filled != image)[(mask == 1).expand_as(image)].float().mean() > 0.99
    assert (network.takes_mask, network.takes_sigma) == (True, False)
    assert macs_per_pixel(network) == macs_per_pixel(make(type="unet", widths=(16, 32), blocks=(1, 1)))


def test_unet_listens_to_the_noise_level():
    network = make(type="unet", widths=(16, 32), blocks=(1, 1))
    image = torch.rand(2, 3, 16, 16)
    low, high = (network(image, torch.full((2, 1, 1, 1), s)) for s in (0.0, 0.2))
    assert (low - high).abs().max() > 1e-3
    mixed = network(image, torch.tensor([0.0, 0.2]).reshape(2, 1, 1, 1))
    assert torch.allclose(mixed, torch.stack((low[0], high[1])), atol=1e-5)


@pytest.mark.parametrize("widths", [(), (8, 16, 32)])
def test_an_estimator_finds_nothing_in_a_flat_picture_which_then_stays_as_it_is(widths):
    network = make(type="unet", estimator=True, estimator_widths=widths)
    image = torch.tensor([0.9, 0.1, 0.4]).view(1, 3, 1, 1).expand(1, 3, 40, 64)
    clean, level = network.restore(image, torch.full((1, 1, 1, 1), -1.5))
    assert level.shape == (1, 1, 5, 8)
    assert level.abs().max() < 1e-6
    assert (clean - image).abs().max() < 1e-5
    given = network.restore(image, torch.full((1, 1, 1, 1), 0.2))[0]
    assert (given - image).abs().max() < 1e-5, "though the level says that there is noise"


def test_what_is_taken_is_no_more_than_a_multiple_of_the_own_estimate():
    network = make(type="unet", estimator=True)
    torch.nn.init.constant_(network.tail.weight, 1.0)
    image = 0.5 + 0.001 * torch.randn(1, 3, 32, 40, generator=torch.Generator().manual_seed(0))
    clean, own = network.restore(image, torch.full((1, 1, 1, 1), 10.0))
    reach = (unet.LARGEST_OWN * own).repeat_interleave(8, 2).repeat_interleave(8, 3)
    taken = (clean - image).abs()
    assert (taken <= reach * 1.01 + 1e-6).all() and (taken > 0.9 * reach).any()


def test_the_level_it_goes_by_can_be_limited():
    network = make(type="unet", estimator=True)
    image = torch.rand(1, 3, 32, 40)
    asked = torch.full((1, 1, 1, 1), -1.0)
    own = network.restore(image, asked)[1]
    limit = torch.full((1, 1, 1, 1), 0.3 * float(own.detach().min()))
    told = network.restore(image, limit)[0]
    assert torch.allclose(network.restore(image, asked, limit)[0], told, atol=1e-6)
    assert not torch.allclose(network.restore(image, asked)[0], told, atol=1e-5)


def test_an_estimate_scales_with_the_picture_and_is_used_where_no_level_is_told():
    network = make(type="unet", estimator=True)
    image = torch.rand(1, 3, 32, 40)
    own = network.restore(image, torch.full((1, 1, 1, 1), -1.0))[1]
    assert own.min() >= 0 and own.max() > 0
    assert torch.allclose(network.restore(3 * image, torch.zeros(1, 1, 1, 1))[1], 3 * own, atol=1e-5)
    given, asked = (network(image, torch.full((1, 1, 1, 1), s)) for s in (0.0, -1.0))
    assert torch.equal(given, image)
    assert not torch.allclose(asked, image, atol=1e-5)
    assert not torch.allclose(asked, network(image, torch.full((1, 1, 1, 1), -1.5)), atol=1e-5)


@pytest.mark.parametrize(
    ("blocks", "encoder_blocks"),
    [((1, 1), ()), ((2, 1), ()), ((1, 1, 1), ()), ((1, 2, 1), ()), ((2, 1, 1), (0, 2)), ((1, 0, 1), (3, 0))],
)
def test_receptive_field_is_what_gradients_reach(blocks, encoder_blocks):
    """The widest reach over all places in a coarsest cell, measured with gradients, must equal the claim."""
    network = make(type="unet", widths=(4,) * len(blocks), blocks=blocks, encoder_blocks=encoder_blocks)
    assert [len(part) for part in network.encoder] == list(encoder_blocks or blocks[:-1])
    # Without ReLUs no gradient is cut off by chance.
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1)
    multiple = network.size_multiple
    claimed = network.receptive_field
    side = -(-(claimed + 2 * multiple) // multiple) * multiple
    image = torch.rand(1, 3, side, side, requires_grad=True)
    output = network(image, torch.zeros(1, 1, 1, 1))
    middle = side // 2 // multiple * multiple
    reach = 0
    for place in range(middle, middle + multiple):
        (gradient,) = torch.autograd.grad(output[0, 0, place, place], image, retain_graph=True)
        touched = gradient.abs().sum((0, 1)).nonzero()
        reach = max(reach, int((touched - place).abs().max()))
    assert 2 * reach + 1 == claimed


@pytest.mark.parametrize("widths", [(4, 4), (4, 4, 4)])
def test_an_estimator_widens_the_receptive_field_by_what_it_sees(monkeypatch, widths):
    """What it tells the network passes no gradient on, so here pixels are changed and the change is looked for."""
    for name in ("LARGEST_NOISE", "LARGEST_OWN", "LARGEST_ESTIMATE"):
        monkeypatch.setattr(unet, name, 1e30)  # nothing is cut off
    network = make(type="unet", widths=(4, 4, 4), blocks=(1, 1, 1), estimator=True, estimator_widths=widths).double()
    for name, parameter in network.named_parameters():
        if name != "estimator.head.weight":
            torch.nn.init.uniform_(parameter, 0.5, 1)
    claimed = network.receptive_field
    side = -(-(claimed + 16) // 8) * 8
    image, sigma = torch.rand(1, 3, side, side).double(), torch.full((1, 1, 1, 1), -1.0).double()
    middle = side // 2 // 8 * 8
    reach = 0
    with torch.no_grad():
        before = network(image, sigma)
        for place in range(middle, middle + 8):
            changed = image.clone()
            changed[..., place, place] += 0.5
            touched = (network(changed, sigma) != before).any(1)[0].nonzero()
            reach = max(reach, int((touched - place).abs().max()))
    assert 2 * reach + 1 == claimed


def test_photo_network_stays_within_its_budget():
    network = make(type="unet")
    assert network.size_multiple == 8
    assert count_parameters(network) == sum(p.numel() for p in network.parameters())
    assert 40e3 < macs_per_pixel(network) < 60e3


def test_macs_of_a_known_layer():
    """784-128-64-64-128-784 has as many multiply-accumulates as weights."""
    network = make(type="dense")
    weights = sum(p.numel() for p in network.parameters() if p.ndim == 2)
    assert macs_per_pixel(network) * 784 == pytest.approx(weights)
