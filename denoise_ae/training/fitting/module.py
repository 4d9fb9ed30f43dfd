"""The LightningModule: losses of a training step, figures of validation, optimiser and learning rate."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor
from torch.nn import functional

from denoise_ae.training.data.clipping import as_stored
from denoise_ae.training.data.corruption import add_training_noise, draw_kinds, mix_seed
from denoise_ae.training.data.samples import OwnNoise, TrainingBatch, ValidationBatch
from denoise_ae.training.fitting.latent import MAPPED, CodeSamples, look_at_codes
from denoise_ae.training.fitting.optimizers import make_optimizer
from denoise_ae.training.fitting.plan import TrainingPlan
from denoise_ae.training.losses.losses import (
    ESTIMATE_WEIGHT,
    RESTORATION_LOSSES,
    estimate_error,
    psnr,
    variational_loss,
)
from denoise_ae.training.losses.neighbours import neighbour_loss
from denoise_ae.training.losses.recorrupted import recorrupted_loss
from denoise_ae.training.networks.build import VariationalAutoencoder
from denoise_ae.training.networks.unet import UNet


@dataclass(frozen=True)
class Samples:
    """A few validation pictures, float NxCxHxW on [0, 1]."""

    clean: Tensor | None
    """None in self-supervised training."""
    noisy: Tensor
    restored: Tensor
    codes: CodeSamples | None = None
    """Of networks with a latent code."""


class TrainingModule(LightningModule):
    """Trains a plan's network to remove the recipe's noise.

    Args:
        plan: the run's plan.
        total_steps: of the whole run.
    """

    def __init__(self, plan: TrainingPlan, total_steps: int) -> None:
        super().__init__()
        self.recipe = plan.recipe
        self.total_steps = total_steps
        self.network = plan.network
        # In a tuple, where Lightning does not find it: it is neither trained nor saved.
        self._teacher = (plan.teacher,) if plan.teacher else ()
        self.samples: Samples | None = None
        self._codes: list[Tensor] = []

    def training_step(self, batch: TrainingBatch, batch_idx: int) -> Tensor:
        """Return the loss of a batch; the noise is added on the device, unless a worker has done it."""
        clean, seed, own, corrupted = batch
        if own is not None:
            return self._self_supervised_loss(clean, own, seed)
        training = self.recipe.training
        noisy, sigma = corrupted or add_training_noise(clean, self.recipe, seed)
        stage = self.recipe.stage_at(min(self.global_step, self.total_steps - 1), self.total_steps)
        restoration_loss = RESTORATION_LOSSES[stage.loss]
        if isinstance(self.network, VariationalAutoencoder):
            draws = torch.Generator(clean.device).manual_seed(mix_seed(seed, 5))
            return variational_loss(self.network, noisy, clean, training.beta, draws)
        if not self.network.estimates_sigma:
            return restoration_loss(self.network(noisy, sigma), self._target(clean, noisy, sigma))
        weight = self._underestimate_weights(len(clean), seed).to(clean.device)
        if training.part == "estimator":
            assert self.network.estimator is not None
            return estimate_error(self.network.estimator(noisy), noisy - clean, weight)
        # A stream of its own: the generator of the noise starts with `seed` itself.
        draws = torch.Generator(clean.device).manual_seed(mix_seed(seed, 3))
        conditioned = torch.rand(sigma.shape, generator=draws, device=clean.device) < training.conditioned
        sigma_input = torch.where(conditioned, sigma, -1.0)
        target = self._target(clean, noisy, sigma_input)
        if training.part == "denoiser":
            return restoration_loss(self.network(noisy, sigma_input), target)
        restored, level = self.network.restore(noisy, sigma_input)
        estimated = estimate_error(level, noisy - clean, weight)
        return restoration_loss(restored, target) + ESTIMATE_WEIGHT * estimated

    def _underestimate_weights(self, count: int, seed: int) -> Tensor:
        """Return the weight of an estimate that is too low, for the noise of each picture of a batch: Nx1x1x1."""
        default = self.recipe.training.underestimate_weight
        weights = torch.tensor([kind.underestimate_weight or default for kind in self.recipe.noise])
        return weights[draw_kinds(self.recipe.noise, count, seed)].view(-1, 1, 1, 1)

    def _target(self, clean: Tensor, noisy: Tensor, sigma_input: Tensor) -> Tensor:
        """Return what the network should make of noisy pictures: clean ones, or its teacher's output."""
        for teacher in self._teacher:
            with torch.no_grad():
                found: Tensor = teacher.to(noisy.device)(noisy, sigma_input)
            return found
        return clean

    def _self_supervised_loss(self, noisy: Tensor, own: OwnNoise, seed: int) -> Tensor:
        training = self.recipe.training
        done = self.global_step / max(1, self.total_steps)
        sigma_input = self._sigma_input(own.level)
        if training.part == "estimator" or done >= 1 - training.recorrupted:
            return recorrupted_loss(self._restore_fitting, noisy, own, sigma_input, seed)
        return neighbour_loss(as_stored(self.network, own), noisy, sigma_input, training.gamma * done, seed)

    def _restore_fitting(self, noisy: Tensor, sigma_input: Tensor) -> Tensor:
        """Restore pictures, with a gradient to the estimator if that is what is trained."""
        if self.recipe.training.part != "estimator":
            restored: Tensor = self.network(noisy, sigma_input)
            return restored
        assert isinstance(self.network, UNet)
        return self.network.restore(noisy, sigma_input, fitting=True)[0]

    def _sigma_input(self, sigma: Tensor) -> Tensor:
        """Return the noise level input where the true level is unknown: -1, if the network estimates it itself."""
        return torch.full_like(sigma, -1) if self.network.estimates_sigma else sigma

    def validation_step(self, batch: ValidationBatch, batch_idx: int) -> None:
        """Log the loss and the PSNR (dB, mean over pictures, clipped to [0, 1]) of one validation batch.

        In self-supervised training there is no PSNR, only the loss; see `recorrupted_loss`.
        """
        clean, noisy, sigma = batch
        if isinstance(sigma, OwnNoise):
            sigma_input = self._sigma_input(sigma.level)
            loss = recorrupted_loss(self.network, noisy, sigma, sigma_input, batch_idx)
            self.log("val_loss", loss, batch_size=len(noisy), sync_dist=True)
            if batch_idx == 0:
                restored = self.network(noisy, sigma_input)
                self.samples = Samples(None, noisy.cpu(), restored.clip(0, 1).float().cpu())
            return
        restored = self.network(noisy, self._sigma_input(sigma))
        clipped = restored.clip(0, 1)
        self.log("val_loss", functional.mse_loss(restored, clean), batch_size=len(clean), sync_dist=True)
        self.log("val_psnr", psnr(clipped, clean), batch_size=len(clean), sync_dist=True)
        self.log("noisy_psnr", psnr(noisy.clip(0, 1), clean), batch_size=len(clean), sync_dist=True)
        if batch_idx == 0:
            self.samples = Samples(clean.cpu(), noisy.clip(0, 1).cpu(), clipped.float().cpu())
            self._codes = []
        if self.network.latent and self.samples is not None and self.samples.codes is None:
            self._codes.append(self.network.encode(clean))
            # Not in a hook after the epoch, when the weights' moving average has been swapped out again.
            last = batch_idx + 1 == self.trainer.num_val_batches[0]
            if last or sum(map(len, self._codes)) >= MAPPED:
                found = look_at_codes(self.network, torch.cat(self._codes)[:MAPPED], self.recipe.seed)
                self.samples = replace(self.samples, codes=found)
                self._codes = []

    def configure_optimizers(self) -> Any:  # noqa: ANN401 - Lightning's own union of dicts and lists
        """Make the optimiser and its schedule, which advances with every step."""
        optimizer = make_optimizer(self.recipe, self.network)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self._learning_rate_factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _learning_rate_factor(self, step: int) -> float:
        """Linear warm-up, then half a cosine down to 0 (Loshchilov and Hutter 2017)."""
        training = self.recipe.training
        if step < training.warmup_steps:
            return (step + 1) / (training.warmup_steps + 1)
        if training.schedule == "constant":
            return 1.0
        done = (step - training.warmup_steps) / max(1, self.total_steps - training.warmup_steps)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
