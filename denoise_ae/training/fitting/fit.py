"""The training loop: one LightningModule and one `fit`, which can be stopped at any step and resumed exactly."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, WeightAveraging
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader

from denoise_ae.errors import TrainingError, UsageError
from denoise_ae.training.data.batches import Batches
from denoise_ae.training.data.clipping import as_stored
from denoise_ae.training.data.corruption import draw_kinds, mix_seed, spoil
from denoise_ae.training.data.load import load_data
from denoise_ae.training.data.samples import OwnNoise, TrainingBatch, ValidationBatch
from denoise_ae.training.fitting.callbacks import Keeper, ema_update
from denoise_ae.training.fitting.checkpoint import RunState, load_checkpoint
from denoise_ae.training.fitting.latent import MAPPED, look_at_codes
from denoise_ae.training.fitting.optimizers import make_optimizer
from denoise_ae.training.fitting.pretrained import Pretrained, load_teacher
from denoise_ae.training.fitting.run_folder import RunFolder
from denoise_ae.training.fitting.watch import EpochReport, Observer, Remarks, Samples, Watch
from denoise_ae.training.losses.losses import (
    ESTIMATE_WEIGHT,
    RESTORATION_LOSSES,
    estimate_error,
    psnr,
    variational_loss,
)
from denoise_ae.training.losses.neighbours import neighbour_loss
from denoise_ae.training.losses.recorrupted import recorrupted_loss
from denoise_ae.training.networks.build import VariationalAutoencoder, build
from denoise_ae.training.networks.rounding import Rounding
from denoise_ae.training.networks.unet import UNet
from denoise_ae.training.recipes.recipe import Recipe


@dataclass(frozen=True)
class Hardware:
    """Where Lightning trains; the words are its own (see its Trainer)."""

    accelerator: str = "auto"
    devices: str = "auto"
    nodes: int = 1
    strategy: str = "auto"
    precision: str = "32-true"
    workers: int = 0
    """Processes that make batches meanwhile; 0: they are made between the steps."""
    tensorboard: bool = False


class Denoising(LightningModule):
    """Trains one network to undo the recipe's noise.

    A batch holds clean pictures and the seed of their noise, which is drawn on the device unless that was done before.
    """

    def __init__(self, recipe: Recipe, total_steps: int) -> None:
        super().__init__()
        self.recipe = recipe
        self.total_steps = total_steps
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            # channels_last is the fast layout of CPU convolutions.
            self.network = build(recipe.network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._rounding = Rounding(self.network, recipe.training.kept) if recipe.training.rounded else None
        # In a tuple, where Lightning does not find it: it is neither trained nor kept.
        self._teacher = (load_teacher(recipe),) if recipe.training.teacher else ()
        self.samples: Samples | None = None
        self._codes: list[Tensor] = []

    def training_step(self, batch: TrainingBatch, batch_idx: int) -> Tensor:
        """Return the loss of one batch."""
        clean, seed, own, spoiled = batch
        if own is not None:
            return self._learn_from_noisy(clean, own, seed)
        noisy, sigma = spoiled or spoil(clean, self.recipe, seed)
        stage = self.recipe.stage_at(min(self.global_step, self.total_steps - 1), self.total_steps)
        if isinstance(self.network, VariationalAutoencoder):
            draws = torch.Generator(clean.device).manual_seed(mix_seed(seed, 5))
            return variational_loss(self.network, noisy, clean, self.recipe.training.beta, draws)
        if not self.network.estimates_sigma:
            return RESTORATION_LOSSES[stage.loss](self._restore(noisy, sigma), self._target(clean, noisy, sigma))
        kinds = draw_kinds(self.recipe.noise, len(clean), seed)
        cautions = torch.tensor([kind.caution or self.recipe.training.caution for kind in self.recipe.noise])
        caution = cautions[kinds].view(-1, 1, 1, 1).to(clean.device)
        if self.recipe.training.part == "estimator":
            assert self.network.estimator is not None
            return estimate_error(self.network.estimator(noisy), noisy - clean, caution)
        # Its own stream: the generator of the noise has begun with `seed` itself.
        draws = torch.Generator(clean.device).manual_seed(mix_seed(seed, 3))
        told = torch.rand(sigma.shape, generator=draws, device=clean.device) < self.recipe.training.told
        told_or_not = torch.where(told, sigma, -1.0)
        target = self._target(clean, noisy, told_or_not)
        if self.recipe.training.part == "denoiser":
            return RESTORATION_LOSSES[stage.loss](self._restore(noisy, told_or_not), target)
        restored, level = self.network.restore(noisy, told_or_not)
        estimated = estimate_error(level, noisy - clean, caution)
        return RESTORATION_LOSSES[stage.loss](restored, target) + ESTIMATE_WEIGHT * estimated

    def _target(self, clean: Tensor, noisy: Tensor, sigma: Tensor) -> Tensor:
        """Return what the network shall make of noisy pictures: the clean ones, or what its teacher makes of them."""
        for teacher in self._teacher:
            with torch.no_grad():
                found: Tensor = teacher.to(noisy.device)(noisy, sigma)
            return found
        return clean

    def _learn_from_noisy(self, noisy: Tensor, own: OwnNoise, seed: int) -> Tensor:
        """Return the loss of pictures of which there are no clean ones."""
        training = self.recipe.training
        done = self.global_step / max(1, self.total_steps)
        if training.part == "estimator" or done >= 1 - training.recorrupted:
            return recorrupted_loss(self._restore_fitting, noisy, own, self._told(own.level), seed)
        restore = as_stored(self._restore, own)
        return neighbour_loss(restore, noisy, self._told(own.level), training.gamma * done, seed)

    def _restore_fitting(self, noisy: Tensor, sigma: Tensor) -> Tensor:
        """Restore so that the estimator learns from it, where that is what is trained."""
        if self.recipe.training.part != "estimator":
            return self._restore(noisy, sigma)
        assert isinstance(self.network, UNet)
        return self.network.restore(noisy, sigma, fitting=True)[0]

    def _told(self, sigma: Tensor) -> Tensor:
        """Return what the network is told where it has to do without the truth."""
        return torch.full_like(sigma, -1) if self.network.estimates_sigma else sigma

    def validation_step(self, batch: ValidationBatch, batch_idx: int) -> None:
        """Log the loss and the PSNR (dB, mean over pictures, clipped to [0, 1]) of one validation batch.

        Of noisy pictures without clean ones only the loss, see `recorrupted_loss`.
        """
        clean, noisy, sigma = batch
        if isinstance(sigma, OwnNoise):
            told = self._told(sigma.level)
            loss = recorrupted_loss(self._restore, noisy, sigma, told, batch_idx)
            self.log("val_loss", loss, batch_size=len(noisy), sync_dist=True)
            if batch_idx == 0:
                restored = self._restore(noisy, told)
                self.samples = Samples(None, noisy.cpu(), restored.clip(0, 1).float().cpu())
            return
        restored = self._restore(noisy, self._told(sigma))
        clipped = restored.clip(0, 1)
        self.log("val_loss", functional.mse_loss(restored, clean), batch_size=len(clean), sync_dist=True)
        self.log("val_psnr", psnr(clipped, clean), batch_size=len(clean), sync_dist=True)
        self.log("noisy_psnr", psnr(noisy.clip(0, 1), clean), batch_size=len(clean), sync_dist=True)
        if batch_idx == 0:
            self.samples = Samples(clean.cpu(), noisy.clip(0, 1).cpu(), clipped.float().cpu())
            self._codes = []
        if self.network.latent and self.samples is not None and self.samples.codes is None:
            self._codes.append(self.network.encode(clean))
            # Here and not in a hook after the epoch, where the weights' moving average is put away again.
            last = batch_idx + 1 == self.trainer.num_val_batches[0]
            if last or sum(map(len, self._codes)) >= MAPPED:
                found = look_at_codes(self.network, torch.cat(self._codes)[:MAPPED], self.recipe.seed)
                self.samples = replace(self.samples, codes=found)
                self._codes = []

    def _restore(self, noisy: Tensor, sigma: Tensor) -> Tensor:
        return (self._rounding or self.network)(noisy, sigma)

    def configure_optimizers(self) -> Any:  # noqa: ANN401 - Lightning's own union of dicts and lists
        """Make the optimiser and its schedule, which advances with every step."""
        optimizer = make_optimizer(self.recipe, self.network)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self._learning_rate_factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _learning_rate_factor(self, step: int) -> float:
        """Linear warm-up, then half a cosine down to nothing (Loshchilov and Hutter 2017)."""
        training = self.recipe.training
        if step < training.warmup_steps:
            return (step + 1) / (training.warmup_steps + 1)
        if training.schedule == "constant":
            return 1.0
        done = (step - training.warmup_steps) / max(1, self.total_steps - training.warmup_steps)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def fit(
    recipe: Recipe,
    folders: Sequence[Path],
    run_folder: Path,
    *,
    resume: Path | None = None,
    start: Pretrained | None = None,
    hardware: Hardware | None = None,
    observer: Observer | None = None,
) -> EpochReport | None:
    """Train a network and keep everything about the run in a folder.

    The folder receives ``recipe.toml``, ``environment.json``, ``metrics.csv``, ``loss.png``, ``samples.png``; of
    networks with a latent code a map of codes, ``codes.png``, and the ways from picture to picture, ``walk.png``; of
    variational ones new pictures, ``drawn.png``. Checkpoints are ``checkpoints/last.ckpt``, after every epoch, and
    ``checkpoints/best.ckpt``, the highest validation PSNR; the lowest loss where pictures are noisy themselves, and
    nobody knows the PSNR. On a CPU, a run that is stopped or killed and resumed ends with the same weights as one that
    was not.

    Args:
        recipe: what to train.
        folders: the data's folders, see `load_data`.
        run_folder: where the run is kept; made when missing.
        resume: checkpoint to go on from; its recipe should be `recipe`, but for the number of epochs.
        start: weights that a new run starts from; a run that is resumed has its own.
        hardware: where to train.
        observer: is told of steps and epochs.

    Returns:
        The report of the best epoch, or None if no epoch was finished.

    Raises:
        TrainingError: the data, the checkpoint or the weights are unusable, or the loss is no longer a number.
        TrainingInterruptedError: Ctrl-C or a termination signal came; the checkpoint is written.
    """
    hardware = hardware or Hardware()
    if resume is not None:
        load_checkpoint(resume)  # refuses anything but plain tensors and values before Lightning sees the file
    observer = observer or Observer()
    data, left_out = load_data(recipe, folders, observer.on_download)
    steps = recipe.training.steps_per_epoch or data.steps_per_epoch
    module = Denoising(recipe, recipe.training.epochs * steps)
    if start is not None:
        start.load_into(module.network)
    run = RunFolder(run_folder)
    run.start(recipe, resumed=resume is not None)
    watch = Watch(run, observer, recipe, steps, Remarks(left_out, data.notes), labels=data.validation_labels)
    state = RunState(recipe.model_dump(mode="json"), [str(folder.resolve()) for folder in folders])
    with warnings.catch_warnings():
        # Lightning suggests more workers and more logging; how many workers is the user's choice, the log is ours.
        warnings.simplefilter("ignore")
        trainer = _trainer(recipe, run, hardware, watch, Keeper(run, state))
        batches = Batches(recipe, data, steps, hardware.workers)
        batches.start(trainer)
        judged = data.validation()
        try:
            trainer.fit(
                module,
                train_dataloaders=batches,
                # Its own generator, so that the caller's random numbers stay as they are.
                val_dataloaders=DataLoader(judged, batch_size=None, generator=torch.Generator()),  # type: ignore[arg-type]
                ckpt_path=resume,
                weights_only=True,
            )
        except torch.OutOfMemoryError as error:
            raise TrainingError(
                f"not enough memory on the device: {error}", "use a smaller batch or patch in the recipe"
            ) from error
    return watch.best


def _trainer(recipe: Recipe, run: RunFolder, hardware: Hardware, watch: Watch, keeper: Keeper) -> Trainer:
    training = recipe.training
    callbacks: list[Callback] = [WeightAveraging(multi_avg_fn=ema_update(training.ema))] if training.ema else []
    callbacks += [watch, keeper]
    mode = "max" if recipe.judged_by == "val_psnr" else "min"
    if training.patience:
        callbacks.append(EarlyStopping(recipe.judged_by, mode=mode, patience=training.patience))
    # Two, since Lightning's `save_last` passes over epochs that are not among the best.
    for filename, monitor in (("best", recipe.judged_by), ("last", None)):
        callbacks.append(
            ModelCheckpoint(
                run.checkpoints,
                filename=filename,
                monitor=monitor,
                mode=mode,
                save_on_train_epoch_end=True,
                enable_version_counter=False,
            )
        )
    logger: Any = False
    if hardware.tensorboard:
        from lightning.pytorch.loggers import TensorBoardLogger

        logger = TensorBoardLogger(run.path, name="", version="tensorboard")
    try:
        return Trainer(
            accelerator=hardware.accelerator,
            devices=hardware.devices,
            num_nodes=hardware.nodes,
            strategy=hardware.strategy,
            precision=hardware.precision,  # type: ignore[arg-type]
            max_epochs=training.epochs,
            gradient_clip_val=training.clip_norm or None,
            callbacks=callbacks,
            logger=logger,
            log_every_n_steps=50,
            num_sanity_val_steps=0,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
            # Patches are of one size: the fastest of cuDNN's ways is worth looking for.
            benchmark=True,
        )
    except (ValueError, MisconfigurationException) as error:
        # The words come from --accelerator, --devices, --strategy and --precision; Lightning knows what it takes.
        raise UsageError(
            str(error).splitlines()[0], "leave out what you need not set; auto takes what is there"
        ) from error
