"""Small training runs, checkpoints and networks, for tests of training and export."""

import os
import signal

import numpy as np
import torch
from tiny import Graph

from denoise_ae.modelfiles.card import ModelCard
from denoise_ae.training.fitting.checkpoint import CHECKPOINT_KEY, RunState
from denoise_ae.training.fitting.fit import Hardware
from denoise_ae.training.fitting.observer import Observer
from denoise_ae.training.networks.build import build
from denoise_ae.training.recipes.recipe import Recipe

CARD = ModelCard("blocks", size_multiple=2, takes_sigma=True, sigma_range=(0.0, 50.0), receptive_field=21)
CPU = Hardware(accelerator="cpu")


class StopAt(Observer):
    """Presses Ctrl-C after a step."""

    def __init__(self, step):
        self.step = step

    def on_step(self, report):
        if report.step >= self.step:
            os.kill(os.getpid(), signal.SIGINT)


NETWORKS = {
    "unet": {"type": "unet", "widths": [8, 16], "blocks": [1, 1]},
    "unet-gray": {"type": "unet", "widths": [8, 16], "blocks": [1, 1], "channels": 1},
    "unet-estimator": {"type": "unet", "widths": [8, 8, 16], "blocks": [1, 1, 1], "estimator": True},
    "unet-mask": {"type": "unet", "widths": [8, 16], "blocks": [1, 1], "mask": True},
    "dense": {"type": "dense"},
    "conv": {"type": "conv", "widths": [8, 8, 8]},
    "conv-skip": {"type": "conv", "widths": [8, 8, 8], "skip": True},
    "vae": {"type": "vae", "widths": [8, 8, 8], "latent": 5},
}


def save_checkpoint(path, network):
    """Write a checkpoint as a run does, with fresh weights."""
    photos = network["type"] == "unet"
    recipe = Recipe.model_validate(
        {
            "name": "mine",
            "description": "a test",
            "data_source": "nothing",
            "data_license": "free",
            "network": network,
            "data": {"kind": "photos" if photos else "mnist", "clip": not photos},
            "noise": [{"type": "mask", "level": [0.1, 0.5]}] if network.get("mask") else [{"level": [5, 50]}],
        }
    )
    torch.manual_seed(0)
    weights = {f"network.{k}": v for k, v in build(recipe.network).state_dict().items()}
    state = RunState(recipe.model_dump(mode="json"), ["/a/private/folder"], {"validation": 31.234})
    torch.save({CHECKPOINT_KEY: state.to_dict(), "state_dict": weights, "global_step": 7, "epoch": 1}, path)
    return path


def smooth(height, width, seed=0):
    """A colour picture of soft hills, on which a blur removes noise."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / 40 + k + seed) * np.cos(y / (30 + 5 * k)) for k in range(3)]
    return np.rint(127 + 100 * np.stack(waves, axis=-1)).astype(np.uint8)


def blocks(card=CARD, *, apart=1.0):
    """A U-Net in small: residual sums, a lower scale, a skip connection.

    With `apart`, half of its inner channels are so many times as strong as the others, and what reads them makes up for
    it: the network computes the same.
    """
    graph = Graph()
    gain = np.where(np.arange(8) % 2, apart, 1).astype(np.float32)

    def conv(source, before, after, *, reads=None, makes=None, **attributes):
        weights = graph.random.standard_normal((after, before, 3, 3)) / np.sqrt(9 * before)
        weights *= (1 if makes is None else makes[:, None, None, None]) / (1 if reads is None else reads[:, None, None])
        return graph.add("Conv", source, weights.astype(np.float32), pads=[1] * 4, **attributes)

    def block(source):
        inner = graph.add("Relu", conv(source, 8, 8, reads=gain, makes=gain))
        return graph.add("Add", source, conv(inner, 8, 8, reads=gain, makes=gain))

    fine = block(conv("image", 3, 8, makes=gain))
    coarse = block(conv(fine, 8, 8, reads=gain, makes=gain, strides=[2, 2]))
    scales = np.array([1, 1, 2, 2], np.float32)
    mode = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    up = graph.add("Resize", conv(coarse, 8, 8, reads=gain, makes=gain), "", scales, **mode)
    noise = conv(block(graph.add("Add", up, fine)), 8, 3, reads=gain)
    if card.takes_sigma:
        noise = graph.add("Mul", noise, graph.sigma())
    return graph.model(graph.add("Sub", "image", noise), card)
