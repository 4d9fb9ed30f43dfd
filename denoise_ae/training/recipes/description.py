"""Describe a recipe's noise and network in words, for the model's card and the terminal."""

from __future__ import annotations

from denoise_ae.training.recipes.recipe import NetworkRecipe, NoiseStep, Recipe

_LEVELS = {
    "gaussian": "sigma {} of 255",
    "uniform": "up to {} of 255 both ways",
    "poisson": "{} photons at white",
    "camera": "{} electrons at white",
    "jpeg": "quality {}",
}
"""Type of noise -> its level with the unit; those of the other types are plain numbers, such as fractions."""


def describe_noise(recipe: Recipe) -> str:
    """Return the noise that a recipe trains for, such as ``gaussian, sigma 76.5 of 255 (0.3), clipped to [0, 1]``."""
    if recipe.training.self_supervised:
        return "that of the training pictures themselves, learnt without clean ones"
    kinds = [", then ".join(_describe_step(step) for step in (kind, *kind.then)) for kind in recipe.noise]
    return "; or ".join(kinds) + (", clipped to [0, 1]" if recipe.data.clip else "")


def _describe_step(step: NoiseStep) -> str:
    level = _LEVELS.get(step.type, "{}").format(_span(*step.level))
    if step.type in ("gaussian", "uniform"):
        level += f" ({_span(*(float(f'{end / 255:.3g}') for end in step.level))})"
    return f"{step.type}, {level}"


def _span(low: float, high: float) -> str:
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def describe_network(network: NetworkRecipe) -> str:
    """Return a network's type and size, such as ``conv, widths 32/64/128, latent 64``."""
    widths = "/".join(map(str, network.widths))
    if network.type == "unet":
        blocks = "/".join(map(str, network.blocks))
        down = f" ({'/'.join(map(str, network.encoder_blocks))} on the way down)" if network.encoder_blocks else ""
        extra = ", noise estimator" if network.estimator else ", mask input" if network.mask else ""
        return f"unet, widths {widths}, blocks {blocks}{down}{extra}"
    return f"{network.type}, widths {widths}, latent {network.latent}{', skip connections' if network.skip else ''}"
