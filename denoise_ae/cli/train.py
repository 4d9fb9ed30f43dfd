"""``denoise-ae train``: fit an autoencoder to noise-corrupted digits or photographs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_DATA = "The data"
_NETWORK = "The network and its training"
_RUN = "The run"


def train(
    *,
    noise: Annotated[
        str | None,
        typer.Option(
            help="Level of the noise, or LOW:HIGH for a range: on the [0, 1] scale for gaussian and uniform,"
            " else in the type's own unit (see `denoise-ae noise --help`).",
            show_default=False,
            rich_help_panel=_DATA,
        ),
    ] = None,
    noise_type: Annotated[
        str | None,
        typer.Option(
            help="gaussian, poisson, salt-pepper, speckle, uniform, jpeg, mask, camera, strokes, spots or text.",
            show_default="gaussian",
            rich_help_panel=_DATA,
        ),
    ] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of pictures, or of MNIST's idx files; may be given more than once.",
            show_default="MNIST, downloaded",
            rich_help_panel=_DATA,
        ),
    ] = None,
    self_supervised: Annotated[
        bool,
        typer.Option(
            "--self-supervised",
            help="The pictures of --data are noisy, and there are no clean ones: learn from the noisy ones alone.",
            rich_help_panel=_DATA,
        ),
    ] = False,
    limit: Annotated[
        int | None, typer.Option(help="Use only so many pictures.", show_default=False, rich_help_panel=_DATA)
    ] = None,
    recipe: Annotated[
        Path | None,
        typer.Option(
            help="TOML file that sets everything; flags override it.", show_default=False, rich_help_panel=_NETWORK
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="MODEL|RUN",
            help="Start from the weights of a model (NAME or FILE.onnx), a checkpoint or a run, with its recipe.",
            show_default=False,
            rich_help_panel=_NETWORK,
        ),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(
            help="dense, conv or vae (variational) for digits, unet for photos.",
            show_default=False,
            rich_help_panel=_NETWORK,
        ),
    ] = None,
    latent: Annotated[
        int | None,
        typer.Option(
            help="Length of the latent code (dense, conv, vae).", show_default=False, rich_help_panel=_NETWORK
        ),
    ] = None,
    beta: Annotated[
        float | None,
        typer.Option(
            help="Weight of a vae's KL divergence from the standard normal distribution: more gives better new "
            "pictures, less better reconstructions.",
            show_default="1",
            rich_help_panel=_NETWORK,
        ),
    ] = None,
    skip: Annotated[
        bool | None,
        typer.Option("--skip/--no-skip", help="Skip connections (conv).", show_default=False, rich_help_panel=_NETWORK),
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL|RUN",
            help="Use this model's output as the target instead of the clean pictures: for a smaller network.",
            show_default=False,
            rich_help_panel=_NETWORK,
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(show_default=False, rich_help_panel=_NETWORK)] = None,
    steps_per_epoch: Annotated[
        int | None, typer.Option(help="Batches an epoch.", show_default="once through", rich_help_panel=_NETWORK)
    ] = None,
    batch: Annotated[
        int | None, typer.Option(help="Pictures a batch.", show_default=False, rich_help_panel=_NETWORK)
    ] = None,
    patch: Annotated[
        int | None,
        typer.Option(help="Side of a photo patch in pixels.", show_default=False, rich_help_panel=_NETWORK),
    ] = None,
    optimizer: Annotated[
        str | None, typer.Option(help="adam, adamw, sgd or muon.", show_default=False, rich_help_panel=_NETWORK)
    ] = None,
    learning_rate: Annotated[float | None, typer.Option(show_default=False, rich_help_panel=_NETWORK)] = None,
    patience: Annotated[
        int | None,
        typer.Option(help="Stop after so many epochs without gain.", show_default=False, rich_help_panel=_NETWORK),
    ] = None,
    seed: Annotated[int | None, typer.Option(show_default=False, rich_help_panel=_NETWORK)] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the run and its model.", show_default=False, rich_help_panel=_RUN)
    ] = None,
    runs: Annotated[Path, typer.Option(help="Folder that keeps the runs.", rich_help_panel=_RUN)] = Path("runs"),
    resume: Annotated[
        Path | None,
        typer.Option(help="Resume a run: its folder, or a checkpoint.", show_default=False, rich_help_panel=_RUN),
    ] = None,
    logger: Annotated[
        str | None,
        typer.Option(help="tensorboard: write its logs too.", show_default=False, rich_help_panel=_RUN),
    ] = None,
    accelerator: Annotated[str, typer.Option(help="auto, cpu, gpu … (Lightning's).", rich_help_panel=_RUN)] = "auto",
    devices: Annotated[str, typer.Option(help="How many devices, or which.", rich_help_panel=_RUN)] = "auto",
    nodes: Annotated[int, typer.Option(min=1, help="How many machines.", rich_help_panel=_RUN)] = 1,
    strategy: Annotated[str, typer.Option(help="auto, ddp … (Lightning's).", rich_help_panel=_RUN)] = "auto",
    precision: Annotated[str, typer.Option(help="32-true, bf16-mixed …", rich_help_panel=_RUN)] = "32-true",
    workers: Annotated[
        int,
        typer.Option(min=0, help="Processes that prepare batches while the device trains.", rich_help_panel=_RUN),
    ] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.", rich_help_panel=_RUN)] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show a traceback with an error.", rich_help_panel=_RUN)
    ] = False,
) -> None:
    """Train an autoencoder that removes noise.

    `denoise-ae train --noise 0.3` trains on MNIST digits with Gaussian noise of standard deviation 0.3; with --data and
    a folder of pictures, a network for photographs. `denoise-ae train --from photo --data my_pictures` trains a model
    further: for a few epochs, at a fifth of its learning rate. With --self-supervised it learns from noisy pictures
    alone, if their noise is independent from pixel to pixel (Neighbor2Neighbor, Recorrupted-to-recorrupted). Ctrl-C
    stops with a checkpoint, from which --resume continues.
    """
    from denoise_ae.training import require_packages

    require_packages()
    from denoise_ae.cli.show.render import print_line, stderr_console
    from denoise_ae.cli.show.training_view import TrainingView
    from denoise_ae.errors import UsageError
    from denoise_ae.training.fitting.checkpoint import find_checkpoint, load_checkpoint
    from denoise_ae.training.fitting.fit import Hardware, fit
    from denoise_ae.training.fitting.plan import make_plan
    from denoise_ae.training.fitting.pretrained import load_pretrained
    from denoise_ae.training.fitting.run_folder import folder_of, new_run_folder
    from denoise_ae.training.recipes.defaults import assemble, override

    if logger not in (None, "tensorboard"):
        raise UsageError(f"--logger {logger}: unknown", "tensorboard is the only one")
    lasting = {"training.epochs": epochs, "training.patience": patience}
    shaping = {
        "name": name,
        "seed": seed,
        "data.limit": limit,
        "network.type": network,
        "network.latent": latent,
        "network.skip": skip,
        "training.steps_per_epoch": steps_per_epoch,
        "training.batch": batch,
        "training.patch": patch,
        "training.optimizer": optimizer,
        "training.learning_rate": learning_rate,
        "training.beta": beta,
        "training.teacher": teacher,
    }
    folders = data or []
    source = None
    if resume is None:
        checkpoint = None
        source = load_pretrained(start) if start is not None else None
        full = assemble(
            recipe,
            folders,
            {**shaping, **lasting},
            noise,
            noise_type,
            start=source.recipe if source else None,
            self_supervised=self_supervised,
        )
        folder = new_run_folder(runs, full.name)
    else:
        if any(value is not None for value in (recipe, start, noise, noise_type, *shaping.values())) or self_supervised:
            raise UsageError(
                "a run is resumed with its own recipe", "only --epochs, --patience and --data can be changed"
            )
        checkpoint = find_checkpoint(resume, "last")
        loaded = load_checkpoint(checkpoint)
        full = override(loaded.recipe, lasting)
        folders = folders or loaded.folders
        folder = folder_of(checkpoint)
    hardware = Hardware(accelerator, devices, nodes, strategy, precision, workers, tensorboard=logger == "tensorboard")
    plan = make_plan(full, source)
    if source is not None and not quiet:
        console = stderr_console()
        print_line(console, ("starting from ", "bold"), full.origin)
        if plan.fresh:
            print_line(console, f"starting fresh: {len(plan.fresh)} weights that it lacks, from {plan.fresh[0]} on")
        if plan.left_out:
            print_line(console, f"leaving out: {len(plan.left_out)} of its weights, from {plan.left_out[0]} on")
    with TrainingView(quiet=quiet) as view:
        fit(plan, folders, folder, resume=checkpoint, hardware=hardware, observer=view)
    view.done(folder)
