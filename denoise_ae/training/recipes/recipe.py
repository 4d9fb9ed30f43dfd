"""The settings of a training run as pydantic models, with the checks of what fits together. Needs no torch.

See `denoise_ae.training.recipes.recipe_file` for reading them.
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
# Bounded, since a recipe may come in a model from anyone, and is built before the weights are checked against it.
Width = Annotated[int, Field(gt=0, le=4096)]


class _Part(BaseModel):
    """A table of the recipe: immutable, and unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class NetworkRecipe(_Part):
    """The network and its size."""

    type: Literal["dense", "conv", "vae", "unet"] = "conv"
    widths: tuple[Width, ...] = Field(default=(), max_length=8)
    blocks: tuple[Blocks, ...] = Field(default=(2, 2, 2), max_length=8)
    """Of a unet: residual blocks at each scale."""
    encoder_blocks: tuple[Blocks, ...] = Field(default=(), max_length=8)
    """Of a unet: residual blocks on the way down, at all scales but the coarsest; by default those on the way up."""
    latent: Annotated[int, Field(gt=0, le=65536)] = 64
    """Length of the latent code; for a vae 16 by default, since superfluous components make its samples worse."""
    linear_code: bool = False
    """Of a dense network: no ReLU on the code, see `DenseAutoencoder`; other networks' codes are always linear. False
    by default for the sake of models made before the key existed."""
    skip: bool = False
    channels: Literal[1, 3] = 3
    estimator: bool = False
    """Whether a unet estimates the noise level where it is not given."""
    estimator_widths: tuple[Width, ...] = ()
    """Of the estimator: two or three, see `denoise_ae.training.networks.estimator`; by default they follow from the
    unet's."""
    mask: bool = False
    """Whether a unet gets a mask instead of a noise level, and fills the masked pixels."""

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
            raise ValueError("a vae has no skip connections: new pictures come from the code alone")
        if self.type == "unet" and len(self.widths) != len(self.blocks):
            raise ValueError("a unet has one entry in blocks for each of its widths")
        if self.encoder_blocks and (self.type != "unet" or len(self.encoder_blocks) != len(self.widths) - 1):
            raise ValueError("encoder_blocks has one entry for each of a unet's widths but the last")
        if self.estimator and (self.type != "unet" or len(self.widths) < 3):
            raise ValueError("an estimator belongs to a unet of at least three scales")
        if self.estimator_widths and (len(self.estimator_widths) not in (2, 3) or not self.estimator):
            raise ValueError("estimator_widths are two or three, and need network.estimator")
        if self.mask and (self.type != "unet" or self.estimator):
            raise ValueError("a mask is for a unet without estimator")
        return self


class NoiseStep(_Part):
    """A corruption with the range that its level is drawn from (units as in `denoise_ae.noise.corruptions`)."""

    type: NoiseType = "gaussian"
    level: tuple[float, float]
    spacing: Literal["linear", "log"] = "linear"
    """Scale on which levels are drawn uniformly."""

    def at(self, fraction: Any) -> Any:  # noqa: ANN401 - a number or a tensor of them
        """Return the level at a fraction (0 to 1, a number or a tensor) of the range."""
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
    """One kind of noise in the mixture: a corruption, and further ones on the same picture."""

    weight: Annotated[float, Field(gt=0)] = 1.0
    """Relative frequency of this kind."""
    then: tuple[NoiseStep, ...] = ()
    """Corruptions that follow on the same picture, in this order."""
    magnified: Fraction = 0.0
    """Share of the patches with this noise that are magnified, if more than `data.magnified`."""
    underestimate_weight: Annotated[float, Field(ge=0)] = 0.0
    """Replaces `training.underestimate_weight` for pictures with this noise; 0 keeps that."""
    drawn: Fraction | None = None
    """Replaces `data.drawn` for patches with this noise: a camera's noise is learnt on photographs."""


class DataRecipe(_Part):
    """The training data."""

    kind: Literal["mnist", "photos"] = "mnist"
    clip: bool = True
    """Clip noisy pictures to [0, 1], as files do; published figures for photographs do not."""
    gray: Fraction = 0.0
    """Share of photo patches turned gray (three equal channels, equal noise)."""
    permute: bool = True
    """Whether the channels of photo patches are permuted: more variety, but unnatural colours."""
    magnified: Fraction = 0.0
    """Share of photo patches that are magnified: cameras' files are softer than pictures scaled down."""
    magnification: Annotated[float, Field(ge=1, le=8)] = 2.0
    """Largest magnification of a patch."""
    drawn: Fraction = 0.0
    """Share of photo patches that are drawn as training goes (text, codes, charts, halftones, cloth ...), so that the
    network learns to leave alone what is no photograph; see `denoise_ae.training.data.drawn.draw`."""
    validation: Positive = 8
    """Photographs held out for validation (at most a fifth of them); MNIST holds out its last 5,000."""
    limit: int = Field(default=0, ge=0)
    """Use only this many pictures; 0 uses all."""
    stride: int = Field(default=0, ge=0, le=16)
    """With `training.self_supervised`: split pictures into every stride-th pixel, so that spatially correlated noise
    becomes independent. 0 leaves pictures whole, and refuses those with correlated noise."""


class Stage(_Part):
    """A part of the run, from `start` (fraction of all steps) to the start of the next stage."""

    start: Fraction = 0.0
    batch: Positive = 128
    patch: Positive = 64
    """Side of a photo patch in pixels."""
    loss: Literal["mse", "l1", "charbonnier", "log-mse"] = "mse"


class TrainingRecipe(_Part):
    """How long, how fast and with which optimiser."""

    epochs: Positive = 10
    steps_per_epoch: int = Field(default=0, ge=0)
    """0: once through the data."""
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
    """Largest norm of the gradient; 0: no clipping."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay of the weights' moving average; 0: none."""
    conditioned: Fraction = 0.3
    """For networks with an estimator: share of the pictures whose true noise level is an input; for the others they use
    their own estimate."""
    part: Literal["all", "estimator", "denoiser"] = "all"
    """What is trained; the rest of the network keeps its weights."""
    underestimate_weight: Annotated[float, Field(gt=0)] = 1.5
    """For networks with an estimator: weight in the loss of a level estimated too low, where one too high counts 1."""
    beta: Annotated[float, Field(ge=0)] = 1.0
    """Of a vae: weight of the KL divergence from the standard normal distribution (Higgins et al. 2017)."""
    self_supervised: bool = False
    """Whether the pictures are noisy and there are no clean ones. The loss is a squared error then, whatever the stages
    say. An estimator is only trained with `part = "estimator"`, by the loss of what is restored with its estimates."""
    recorrupted: Fraction = 0.85
    """With `self_supervised`: final share of the training with `denoise_ae.training.losses.recorrupted`, which comes
    nearest to clean targets; before that `denoise_ae.training.losses.neighbours`, which learns faster."""
    gamma: Annotated[float, Field(ge=0)] = 2.0
    """With `self_supervised`: weight of the neighbours' second term at the end of training; it grows from 0."""
    teacher: str = ""
    """A model, file or run, as for `--from`: its output for a noisy picture is the target instead of the clean picture
    (distillation, Hinton et al. 2015). A smaller network learns faster so, since that target can be predicted."""
    patience: int = Field(default=0, ge=0)
    """Stop after so many epochs without a better validation PSNR; 0: never."""
    stages: tuple[Stage, ...] = (Stage(),)

    @model_validator(mode="after")
    def _stages_in_order(self) -> Self:
        starts = [stage.start for stage in self.stages]
        if not starts or starts[0] != 0 or any(a >= b for a, b in pairwise(starts)):
            raise ValueError("stages start at 0 and follow each other")
        return self


class Recipe(_Part):
    """All settings of a training run."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = "digits"
    description: str = ""
    data_license: str = ""
    """Conditions for models made from this data, for the card."""
    data_source: str = ""
    """The training pictures in words, for the card."""
    origin: str = ""
    """The model that training started from, with its file's SHA-256; empty for drawn weights."""
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
            raise ValueError(f"a network with a mask input is trained on {', '.join(MASKING_NOISE_TYPES)} alone")
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
            raise ValueError("training.self_supervised uses the pictures' own noise: set noise = []")
        if self.data.kind != "photos" or self.network.mask or self.training.part == "denoiser":
            raise ValueError(
                "training.self_supervised is for photographs, no network.mask, and no part but the estimator"
            )
        if self.data.stride and self.training.part == "estimator":
            raise ValueError("an estimator is trained on whole pictures: no data.stride")
        if self.data.gray or self.data.magnified or self.data.permute or self.draws:
            raise ValueError(
                "training.self_supervised does not change pictures: no data.gray, magnified, permute or drawn"
            )
        multiple = 2 * 2 ** len(self.network.widths)
        if any(stage.patch % multiple for stage in self.training.stages):
            raise ValueError(f"patches must be multiples of {multiple} pixels, since they are halved")

    @property
    def draws(self) -> bool:
        """Whether some patches are drawn."""
        return bool(self.data.drawn or any(kind.drawn for kind in self.noise))

    @property
    def pictures(self) -> str:
        """The training pictures in words."""
        return self.data_source or ("MNIST" if self.data.kind == "mnist" else "the user's own pictures")

    @property
    def judged_by(self) -> str:
        """The figure that decides which epoch is best: PSNR, or the loss in self-supervised training."""
        return "val_loss" if self.training.self_supervised else "val_psnr"

    def stage_at(self, step: int, total_steps: int) -> Stage:
        """Return the stage that a step (0-based) belongs to."""
        return [s for s in self.training.stages if step >= s.start * total_steps][-1]
