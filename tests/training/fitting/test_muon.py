"""The optimiser Muon: what it does to a weight, beside torch's own, and that it learns."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from denoise_ae.training.fitting.muon import Muon, orthogonalise


def test_singular_values_become_about_one() -> None:
    """Whatever they were, at either orientation; the singular vectors stay."""
    generator = torch.Generator().manual_seed(0)
    for rows, columns in ((16, 144), (144, 16), (32, 32)):
        matrix = torch.randn(rows, columns, generator=generator)
        left, values, right = torch.linalg.svd(matrix, full_matrices=False)
        values = values.clone()
        values[1] = values[0] / 50
        result = orthogonalise((left * values @ right)[None])[0]
        turned = left.T @ result @ right.T
        assert turned.diagonal().min() > 0.6 and turned.diagonal().max() < 1.25
        assert (turned - turned.diagonal().diag()).abs().max() < 1e-3


@pytest.mark.parametrize("shape", [(32, 48), (48, 20)])
def test_a_matrix_steps_as_with_torchs_own(shape: tuple[int, int]) -> None:
    """Torch's iterates in bfloat16, so that single numbers differ by a few hundredths of the step."""
    generator = torch.Generator().manual_seed(1)
    start = torch.randn(shape, generator=generator)
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    mine = Muon([ours], lr=0.02, momentum=0.9, weight_decay=0.1)
    other = torch.optim.Muon([theirs], lr=0.02, momentum=0.9, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for _ in range(3):
        gradient = torch.randn(shape, generator=generator)
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        mine.step()
        other.step()
    moved = (theirs - start).norm()
    assert (ours - theirs).norm() < 0.02 * moved
    assert moved > 0.2


def test_what_is_no_matrix_steps_as_with_adamw() -> None:
    """Biases, and weights with few outputs."""
    generator = torch.Generator().manual_seed(2)
    starts = [torch.randn(64, generator=generator), torch.randn(12, 8, 3, 3, generator=generator)]
    ours, theirs = ([nn.Parameter(start.clone()) for start in starts] for _ in range(2))
    mine = Muon(ours, lr=0.01, betas=(0.8, 0.9), weight_decay=0.1)
    other = torch.optim.AdamW(theirs, lr=0.01, betas=(0.8, 0.9), weight_decay=0.1)
    for _ in range(3):
        for a, b in zip(ours, theirs, strict=True):
            a.grad = torch.randn(a.shape, generator=generator)
            b.grad = a.grad.clone()
        mine.step()
        other.step()
    for a, b in zip(ours, theirs, strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_a_convolution_is_the_same_matrix_in_either_memory_layout() -> None:
    """channels_last is for speed alone."""
    generator = torch.Generator().manual_seed(3)
    start = torch.randn(16, 8, 3, 3, generator=generator)
    gradient = torch.randn(16, 8, 3, 3, generator=generator)
    results = []
    for layout in (torch.contiguous_format, torch.channels_last):
        weight = nn.Parameter(start.clone().to(memory_format=layout))
        weight.grad = gradient.clone().to(memory_format=layout)
        Muon([weight], lr=0.1).step()
        results.append(weight.detach())
    assert torch.allclose(*results, atol=1e-5)
    step = (results[0] - start).movedim(1, -1).flatten(1)
    values = torch.linalg.svdvals(step)
    assert values.max() < 2 * values.min()  # the gradient's own differ by a factor of three


def test_it_learns_faster_than_adamw() -> None:
    """The reason for it: after as many steps at its best of three learning rates, the smaller loss."""
    losses = {name: min(_loss_after(name, lr) for lr in (1e-3, 3e-3, 1e-2)) for name in ("muon", "adamw")}
    assert losses["muon"] < 0.8 * losses["adamw"]


def _loss_after(name: str, lr: float) -> float:
    """Return the loss of a small network that learns to blur, after 60 steps."""
    torch.manual_seed(4)
    layers = [nn.Conv2d(1, 16, 3, padding=1), *(nn.Conv2d(16, 16, 3, padding=1) for _ in range(3))]
    network = nn.Sequential(*(part for layer in layers for part in (layer, nn.ReLU())), nn.Conv2d(16, 1, 3, padding=1))
    chosen = Muon if name == "muon" else torch.optim.AdamW
    optimizer: torch.optim.Optimizer = chosen(network.parameters(), lr=lr)
    generator = torch.Generator().manual_seed(5)
    total = 0.0
    for step in range(60):
        picture = torch.rand(8, 1, 16, 16, generator=generator)
        loss = functional.mse_loss(network(picture), functional.avg_pool2d(picture, 5, 1, 2))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * (step >= 50) / 10
    return total
