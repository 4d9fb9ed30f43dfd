"""Train a network: `fit` runs Lightning's trainer, can be stopped at any step, and resumes exactly."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, WeightAveraging
from torch.utils.data import DataLoader

from denoise_ae.errors import TrainingError, UsageError
from denoise_ae.training.data.batches import Batches
from denoise_ae.training.data.load import load_data
from denoise_ae.training.fitting.callbacks import CheckpointKeeper, ema_update
from denoise_ae.training.fitting.checkpoint import RunState, load_checkpoint
from denoise_ae.training.fitting.module import TrainingModule
from denoise_ae.training.fitting.monitor import RunMonitor
from denoise_ae.training.fitting.observer import EpochReport, Observer
from denoise_ae.training.fitting.plan import TrainingPlan
from denoise_ae.training.fitting.run_folder import RunFolder
from denoise_ae.training.recipes.recipe import Recipe


@dataclass(frozen=True)
class Hardware:
    """Where to train, in the words of Lightning's Trainer."""

    accelerator: str = "auto"
    devices: str = "auto"
    nodes: int = 1
    strategy: str = "auto"
    precision: str = "32-true"
    workers: int = 0
    """Processes that prepare batches; 0 makes them between the steps."""
    tensorboard: bool = False


def fit(
    plan: TrainingPlan,
    folders: Sequence[Path],
    run_folder: Path,
    *,
    resume: Path | None = None,
    hardware: Hardware | None = None,
    observer: Observer | None = None,
) -> EpochReport | None:
    """Train a network and keep everything about the run in a folder.

    The folder gets ``recipe.toml``, ``environment.json``, ``metrics.csv``, ``loss.png`` and ``samples.png``; for
    networks with a latent code a map of the codes, ``codes.png``, and interpolations, ``walk.png``; for variational
    ones new pictures, ``drawn.png``. ``checkpoints/last.ckpt`` is written after every epoch, ``checkpoints/best.ckpt``
    at the highest validation PSNR, or the lowest loss in self-supervised training. On a CPU, a run that was stopped or
    killed and then resumed ends with exactly the weights of one that was not.

    Args:
        plan: what to train; its network gets the trained weights.
        folders: the data's folders, see `load_data`.
        run_folder: where the run is kept; made when missing.
        resume: checkpoint to resume from; its recipe should be the plan's, except for the number of epochs.
        hardware: where to train.
        observer: notified of downloads, steps and epochs.

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
    recipe = plan.recipe
    data, left_out = load_data(recipe, folders, observer.on_download)
    steps = recipe.training.steps_per_epoch or data.steps_per_epoch
    module = TrainingModule(plan, recipe.training.epochs * steps)
    run = RunFolder(run_folder)
    run.start(recipe, resumed=resume is not None)
    monitor = RunMonitor(run, observer, recipe, data, left_out=left_out, steps_per_epoch=steps)
    state = RunState(recipe.model_dump(mode="json"), [str(folder.resolve()) for folder in folders])
    with warnings.catch_warnings():
        # Lightning suggests more workers and more logging: the first is the user's choice, the second our own.
        warnings.simplefilter("ignore")
        trainer = _trainer(recipe, run, hardware, [monitor, CheckpointKeeper(run, state)])
        batches = Batches(recipe, data, steps, hardware.workers)
        batches.start(trainer)
        try:
            trainer.fit(
                module,
                train_dataloaders=batches,
                # Its own generator, so that the caller's random numbers stay as they are.
                val_dataloaders=DataLoader(data.validation(), batch_size=None, generator=torch.Generator()),  # type: ignore[arg-type]
                ckpt_path=resume,
                weights_only=True,
            )
        except torch.OutOfMemoryError as error:
            raise TrainingError(
                f"not enough memory on the device: {error}", "use a smaller batch or patch in the recipe"
            ) from error
    return monitor.best


def _trainer(recipe: Recipe, run: RunFolder, hardware: Hardware, own: Sequence[Callback]) -> Trainer:
    training = recipe.training
    callbacks: list[Callback] = [WeightAveraging(multi_avg_fn=ema_update(training.ema))] if training.ema else []
    callbacks += own
    mode = "max" if recipe.judged_by == "val_psnr" else "min"
    if training.patience:
        callbacks.append(EarlyStopping(recipe.judged_by, mode=mode, patience=training.patience))
    # Two, since Lightning's `save_last` skips epochs that are not among the best.
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
            # Patches are of one size, so that it pays to search for cuDNN's fastest algorithm.
            benchmark=True,
        )
    except (ValueError, MisconfigurationException) as error:
        # From --accelerator, --devices, --strategy or --precision, which Lightning itself checks.
        raise UsageError(str(error).splitlines()[0], "leave these options out; auto uses what is available") from error
