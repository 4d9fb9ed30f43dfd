"""Compare training through ``fit`` with a bare PyTorch loop over the same network, batches and noise.

python train/bench/training_speed.py dense conv --mnist FOLDER
python train/bench/training_speed.py unet --photos FOLDER

The two take turns, several times; what counts is the ratio of samples a second, its median and range. Both draw the
same batches and the same noise with the same code; the bare loop has Adam as PyTorch gives it, a schedule, clipping
and a moving average, but no Lightning, no checkpoints, no validation and no reports.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch

from denoise_ae.training.data.corruption import add_noise, noise_seed
from denoise_ae.training.data.load import load_data
from denoise_ae.training.fitting.callbacks import ema_update
from denoise_ae.training.fitting.fit import Hardware, fit
from denoise_ae.training.fitting.observer import EpochReport, Observer
from denoise_ae.training.fitting.plan import make_plan
from denoise_ae.training.recipes.recipe import Recipe

PHOTO = {"type": "unet"}
DIGITS = {"dense": {"type": "dense"}, "conv": {"type": "conv"}}


def recipe_for(kind: str, steps: int) -> Recipe:
    """Return a recipe of one epoch: what `train` uses by default for this network."""
    photos = kind == "unet"
    return Recipe.model_validate(
        {
            "network": PHOTO if photos else DIGITS[kind],
            "data": {"kind": "photos" if photos else "mnist", "clip": not photos},
            "noise": [{"level": 25 if photos else 76.5}],
            "training": {
                "epochs": 1,
                "steps_per_epoch": steps,
                "clip_norm": 1.0,
                "ema": 0.999,
                "stages": [{"batch": 32 if photos else 128, "patch": 64}],
            },
        }
    )


class LastEpoch(Observer):
    """Keeps the report of the epoch."""

    report: EpochReport

    def on_epoch(self, report: EpochReport, *, best: bool) -> None:
        """Keep it."""
        self.report = report


def through_fit(recipe: Recipe, folder: Path) -> float:
    """Return samples a second of an epoch through `fit`, validation and checkpoints not counted."""
    observer = LastEpoch()
    with tempfile.TemporaryDirectory() as run:
        fit(make_plan(recipe), [folder], Path(run), hardware=Hardware(accelerator="cpu"), observer=observer)
    return observer.report.samples_per_second


def bare(recipe: Recipe, folder: Path) -> float:
    """Return samples a second of the same epoch in a bare loop."""
    data, _ = load_data(recipe, [folder])
    stage = recipe.training.stages[0]
    steps = recipe.training.steps_per_epoch
    network = make_plan(recipe).network
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.training.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    average = torch.optim.swa_utils.AveragedModel(network, multi_avg_fn=ema_update(recipe.training.ema))
    loss_of = torch.nn.functional.mse_loss
    start = time.perf_counter()
    for index in range(steps):
        clean = data.batch(0, index, stage)
        noisy, sigma = add_noise(clean, recipe.noise, clip=recipe.data.clip, seed=noise_seed(recipe, 0, index))
        optimizer.zero_grad()
        loss_of(network(noisy, sigma), clean).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.training.clip_norm)
        optimizer.step()
        schedule.step()
        average.update_parameters(network)
    return steps * stage.batch / (time.perf_counter() - start)


def main() -> None:
    """Read the command line, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="+", choices=["dense", "conv", "unet"])
    parser.add_argument("--mnist", type=Path)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10, help="of training in each turn, roughly")
    options = parser.parse_args()
    print("network  samples/s: fit   bare   ratio: median (lowest to highest)")
    for kind in options.networks:
        folder = options.photos if kind == "unet" else options.mnist
        if folder is None:
            parser.error(f"{kind} needs {'--photos' if kind == 'unet' else '--mnist'}")
        trial = recipe_for(kind, 10)
        batch = trial.training.stages[0].batch
        steps = max(10, int(options.seconds * bare(trial, folder) / batch))
        recipe = recipe_for(kind, steps)
        pairs = [(through_fit(recipe, folder), bare(recipe, folder)) for _ in range(options.rounds)]
        ratios = sorted(ours / theirs for ours, theirs in pairs)
        ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
        spread = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        print(f"{kind:8} {ours:14.0f} {theirs:6.0f}   {spread}")


if __name__ == "__main__":
    main()
