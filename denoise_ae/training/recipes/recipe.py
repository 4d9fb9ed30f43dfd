"""A recipe says everything about a training run: its tables and what fits together; it needs no torch.

See `denoise_ae.training.recipes.recipe_file` for how it is read. A run's folder keeps the recipe as run.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from denoise_ae.errors import DenoiseError
from denoise_ae.noise.corruptions import MASKING_NOISE_TYPES, check_level

NoiseType = Literal[
    "gaussian", "poisson", "salt-pepper", "speckle", "uniform", "jpeg", "mask", "camera", "strokes", "spots", "text"
]
Positive = Annotated[int, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Blocks = Annotated[int, Field(ge=0, le=64)]
# Bounded, since a recipe may come in somebody's model and is built before its weights are seen to fit.
Width = Annotated[int, Field(gt=0, le=4096)]


class _Part(BaseModel):
    """A table of the recipe: fixed once read, and no key goes unnoticed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class NetworkRecipe(_Part):
    """Which network, and its size."""

    type: Literal["dense", "conv", "vae", "unet"] = "conv"
    widths: tuple[Width, ...] = Field(default=(), max_length=8)
    blocks: tuple[Blocks, ...] = Field(default=(2, 2, 2), max_length=8)
    """Of the unet: residual blocks at each scale."""
    encoder_blocks: tuple[Blocks, ...] = Field(default=(), max_length=8)
    """Of the unet: those on the way down, at all scales but the coarsest, if they are not as many as on the way up."""
    latent: Annotated[int, Field(gt=0, le=65536)] = 64
    """Numbers in the code; 16 where a vae says nothing else: what it does not need only makes its drawings worse."""
    linear_code: bool = False
    """Of the dense network: no ReLU on its code, see `DenseAutoencoder`. Others' codes are linear in any case. Not the
    default, since models that were trained before this could be said must be read as they are."""
    skip: bool = False
    channels: Literal[1, 3] = 3
    estimator: bool = False
    """Whether the unet estimates the noise level itself where it is not told."""
    estimator_widths: tuple[Width, ...] = ()
    """Of its estimator, see `denoise_ae.training.networks.estimator`; by default as many as suit the unet's."""
    mask: bool = False
    """Whether the unet is told which pixels are lost, and fills those, instead of a noise level."""

    @model_validator(mode="before")
    @classmethod
    def _usual_code(cls, values: Any) -> Any:  # noqa: ANN401 - raw TOML
        return {"latent": 16, **values} if isinstance(values, dict) and values.get("type") == "vae" else values

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not self.widths:
            usual = {"dense": (128,)}.get(self.type, (32, 64, 128))
            object.__setattr__(self, "widths", usual)
        if self.type in ("conv", "vae") and len(self.widths) != 3:
            raise ValueError(f"a {self.type} network has three widths")
        if self.type == "vae" and self.skip:
            raise ValueError("a vae has no skip connections: what they carry past the code could not be drawn")
        if self.type == "unet" and len(self.widths) != len(self.blocks):
            raise ValueError("a unet has one entry in blocks for each of its widths")
        if self.encoder_blocks and (self.type != "unet" or len(self.encoder_blocks) != len(self.widths) - 1):
            raise ValueError("encoder_blocks has one entry for each of a unet's widths but the last")
        if self.estimator and (self.type != "unet" or len(self.widths) < 3):
            raise ValueError("an estimator belongs to a unet of at least three scales")
        if self.estimator_widths and (len(self.estimator_widths) != 2 or not self.estimator):
            raise ValueError("estimator_widths are two, of an estimator")
        if self.mask and (self.type != "unet" or self.estimator):
            raise ValueError("a mask is for a unet without estimator")
        return self


class NoiseStep(_Part):
    """One corruption, its level drawn between two ends (units as in `denoise_ae.noise.corruptions`)."""

    type: NoiseType = "gaussian"
    level: tuple[float, float]
    spacing: Literal["linear", "log"] = "linear"
    """Whether levels are drawn evenly on a linear scale, or on a logarithmic one."""

    def at(self, fraction: Any) -> Any:  # noqa: ANN401 - a number or a tensor of them
        """Return the level at a fraction (0 to 1, a number or a tensor of them) of the way between the two ends."""
        low, high = self.level
        if self.spacing == "log":
            return low * (high / low) ** fraction
        return low + fraction * (high - low)

    @model_validator(mode="before")
    @classmethod
    def _one_level_is_both_ends(cls, values: Any) -> Any:  # noqa: ANN401 - raw TOML
        if isinstance(values, dict) and isinstance(values.get("level"), int | float):
            return {**values, "level": (values["level"], values["level"])}
        return values

    @model_validator(mode="after")
    def _in_range(self) -> Self:
        for level in self.level:
            try:
                check_level(self.type, level)
            except DenoiseError as error:
                raise ValueError(f"{error.message}; {error.hint}") from None
        if self.level[0] > self.level[1]:
            raise ValueError("the lower level comes first")
        if self.spacing == "log" and self.level[0] <= 0:
            raise ValueError("a level of 0 lies on no logarithmic scale")
        return self


class NoiseRecipe(NoiseStep):
    """One kind of noise in the mixture: a corruption and those that follow it."""

    weight: Annotated[float, Field(gt=0)] = 1.0
    """How often this kind is drawn, relative to the others."""
    then: tuple[NoiseStep, ...] = ()
    """Corruptions that follow on the same picture."""
    magnified: Fraction = 0.0
    """Share of the patches with this noise that are magnified, where it is more than `data.magnified`."""
    caution: Annotated[float, Field(ge=0)] = 0.0
    """`training.caution` for pictures with this noise, where it is not 0."""


class DataRecipe(_Part):
    """What is trained on."""

    kind: Literal["mnist", "photos"] = "mnist"
    clip: bool = True
    """Cut noisy pictures to [0, 1], as files are; research figures for photographs do not."""
    gray: Fraction = 0.0
    """Share of photo patches turned gray (three equal channels, equal noise)."""
    permute: bool = True
    """Whether the colours of photo patches change places: more variety, less of what colours pictures have."""
    magnified: Fraction = 0.0
    """Share of photo patches magnified: cameras' own files are softer than pictures scaled down."""
    magnification: Annotated[float, Field(ge=1, le=8)] = 2.0
    """Most that a patch is magnified."""
    validation: Positive = 8
    """Photographs held out for validation (at most a fifth of them); MNIST holds out its last 5,000."""
    limit: int = Field(default=0, ge=0)
    """Use only this many pictures; 0 uses all."""
    stride: int = Field(default=0, ge=0, le=16)
    """With `training.self_supervised`: pictures are cut up into ones whose pixels were so far apart, since noise is not
    independent nearer by. 0: they stay whole, and are refused where that is measured."""


class Stage(_Part):
    """A part of the run: from `start` (fraction of all steps) to the next stage's start."""

    start: Fraction = 0.0
    batch: Positive = 128
    patch: Positive = 64
    """Side of a photo patch in pixels."""
    loss: Literal["mse", "l1", "charbonnier", "log-mse"] = "mse"


class TrainingRecipe(_Part):
    """How long, how fast and with which optimiser."""

    epochs: Positive = 10
    steps_per_epoch: int = Field(default=0, ge=0)
    """0: as many as go once through the data."""
    optimizer: Literal["adam", "adamw", "sgd", "muon"] = "adam"
    """muon: see `denoise_ae.training.fitting.muon`; momentum 0.95 suits it."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    momentum: Fraction = 0.9
    """For SGD and Muon."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    warmup_steps: int = Field(default=0, ge=0)
    schedule: Literal["cosine", "constant"] = "cosine"
    clip_norm: Annotated[float, Field(ge=0)] = 0.0
    """Largest norm of the gradient; 0 does not clip."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay of the moving average of the weights; 0 keeps none."""
    told: Fraction = 0.3
    """For networks with an estimator: share of the pictures whose noise level they are told."""
    part: Literal["all", "estimator", "denoiser"] = "all"
    """estimator: leave the weights of the rest of the network as they are; denoiser: leave the estimator's."""
    caution: Annotated[float, Field(gt=0)] = 1.5
    """For networks with an estimator: how much more a level that is estimated too low counts than one too high."""
    rounded: bool = False
    """Of the unet: whether it learns with the rounding that `export --int8` brings."""
    kept: Literal["finest", "ends"] = "finest"
    """What that leaves in float32, as `export --keep` has it."""
    beta: Annotated[float, Field(ge=0)] = 1.0
    """For a vae: how much the codes' distance from a standard normal distribution counts (Higgins et al. 2017)."""
    self_supervised: bool = False
    """Whether the pictures are noisy as they are and nothing clean is had. The loss is a squared error then, whatever
    the stages say. With `part = "estimator"` that is all that learns, and from what the rest makes of its estimates;
    else it stays as it is."""
    recorrupted: Fraction = 0.85
    """With `self_supervised`: share of the training, its end, that goes by `denoise_ae.training.losses.recorrupted`,
    which comes nearest to clean targets; what goes before, by `denoise_ae.training.losses.neighbours`, which learns
    faster."""
    gamma: Annotated[float, Field(ge=0)] = 2.0
    """With `self_supervised`: weight of the neighbours' second term at the end of training; it grows from nothing."""
    teacher: str = ""
    """A model (name, file or run) that is to be equalled, as `--from` takes it: what it makes of a noisy picture is the
    target, instead of the clean picture. A smaller network learns faster so, since that holds nothing that can't be
    known (distillation, Hinton et al. 2015)."""
    patience: int = Field(default=0, ge=0)
    """Stop after so many epochs without a better validation PSNR; 0 never does."""
    stages: tuple[Stage, ...] = (Stage(),)

    @model_validator(mode="after")
    def _stages_in_order(self) -> Self:
        starts = [stage.start for stage in self.stages]
        if not starts or starts[0] != 0 or any(a >= b for a, b in pairwise(starts)):
            raise ValueError("stages start at 0 and follow each other")
        return self


class Recipe(_Part):
    """Everything about a training run."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = "digits"
    description: str = ""
    data_license: str = ""
    """What may be done with a model made from this data, for the card."""
    data_source: str = ""
    """The training pictures in words, for the card."""
    origin: str = ""
    """The model that the weights started from and its file's SHA-256; empty where they started fresh."""
    seed: int = Field(default=0, ge=0)
    network: NetworkRecipe = NetworkRecipe()
    data: DataRecipe = DataRecipe()
    noise: tuple[NoiseRecipe, ...] = (NoiseRecipe(level=(0.3 * 255, 0.3 * 255)),)
    training: TrainingRecipe = TrainingRecipe()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        self._check_noise()
        if (self.data.kind == "photos") != (self.network.type == "unet"):
            raise ValueError("photographs are for the unet; dense, conv and vae take MNIST's 28x28 pictures")
        multiple = 2 ** len(self.network.widths)
        if self.data.kind == "photos" and any(stage.patch % multiple for stage in self.training.stages):
            raise ValueError(f"patches must be multiples of {multiple} pixels for this network")
        if self.network.mask and any(
            step.type not in MASKING_NOISE_TYPES for kind in self.noise for step in (kind, *kind.then)
        ):
            raise ValueError(f"a network that is told a mask is trained on {', '.join(MASKING_NOISE_TYPES)} alone")
        trains_estimator = self.network.estimator and self.training.part != "denoiser"
        if self.training.rounded and (self.network.type != "unet" or trains_estimator):
            raise ValueError('training.rounded is for a unet without an estimator, or with training.part = "denoiser"')
        if self.training.part != "all" and not self.network.estimator:
            raise ValueError(f"training.part is {self.training.part}, but network.estimator is false")
        if self.training.teacher and (self.network.type != "unet" or self.training.self_supervised):
            raise ValueError("training.teacher is for a unet that learns from clean pictures")
        if self.network.type != "vae" and self.training.beta != 1:
            raise ValueError("training.beta is for the vae")
        if self.network.type == "vae" and any(stage.loss != "mse" for stage in self.training.stages):
            raise ValueError("a vae has its own loss: leave training.stages.loss at mse")
        return self

    def _check_noise(self) -> None:
        if not self.training.self_supervised:
            if not self.noise:
                raise ValueError("a recipe needs at least one [[noise]]")
            return
        if self.noise:
            raise ValueError("training.self_supervised takes the pictures' own noise, and no [[noise]]: noise = []")
        if self.data.kind != "photos" or self.network.mask or self.training.part == "denoiser":
            raise ValueError("training.self_supervised is for a network that cleans photographs, or for its estimator")
        if self.data.stride and self.training.part == "estimator":
            raise ValueError("an estimator learns from pictures as they are: no data.stride")
        if self.data.gray or self.data.magnified or self.data.permute:
            raise ValueError("training.self_supervised leaves pictures as they are: no data.gray, magnified or permute")
        multiple = 2 * 2 ** len(self.network.widths)
        if any(stage.patch % multiple for stage in self.training.stages):
            raise ValueError(f"patches must be multiples of {multiple} pixels, since they are halved")

    @property
    def pictures(self) -> str:
        """The training pictures in words."""
        return self.data_source or ("MNIST" if self.data.kind == "mnist" else "the user's own pictures")

    @property
    def judged_by(self) -> str:
        """Name of the figure that tells the best epoch: the highest PSNR, or without clean pictures the lowest loss."""
        return "val_loss" if self.training.self_supervised else "val_psnr"

    def stage_at(self, step: int, total_steps: int) -> Stage:
        """Return the stage that a step (0-based) belongs to."""
        return [s for s in self.training.stages if step >= s.start * total_steps][-1]
