"""What latent codes know of the digits that they stand for: a linear probe, and a map of the codes.

Needs scikit-learn and, for the map, matplotlib: the extra ``[features]``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.codes.codec import Codec, Floats
from denoise_ae.errors import TrainingError
from denoise_ae.training.latents.latent_bench import check
from denoise_ae.training.latents.rates import Pictures, component_codes, fit_components, missing_sklearn

COMPONENTS = 64
"""Principal components that codes are compared with."""

MAPPED = 1000
"""Pictures in a map: what takes t-SNE some seconds."""

_ITERATIONS = 1000


@dataclass(frozen=True)
class Probe:
    """How well a linear probe tells digits apart by some numbers of each."""

    features: str
    numbers: int
    accuracy: float
    """Share of the test pictures whose digit it finds."""


@dataclass(frozen=True)
class Labelled:
    """Pictures, uint8 N x H x W, and what each shows."""

    pictures: Pictures
    labels: NDArray[np.uint8]

    def first(self, count: int | None) -> Labelled:
        """Return the first of them, or all."""
        return Labelled(self.pictures[:count], self.labels[:count])


def probe_features(
    codec: Codec, name: str, training: Labelled, test: Labelled, progress: Callable[[], None] = lambda: None
) -> Iterator[tuple[Probe, Floats]]:
    """Fit a linear probe (multinomial logistic regression) on codes, on raw pixels and on principal components.

    Each number is brought to mean 0 and deviation 1 first; nothing is tuned.

    Args:
        codec: the model.
        name: what to call it.
        training: what the probes and the components are fitted on.
        test: what they are judged on.
        progress: called after each of three probes.

    Yields:
        The probe, and the test pictures' features, N x numbers: those of codes first.

    Raises:
        PackageError: scikit-learn is missing.
        ModelError: the model fails, or does not take such pictures.
        TrainingError: the training pictures show one thing only.
    """
    check(name, codec, test.pictures)
    if len(np.unique(training.labels)) < 2:
        raise TrainingError("all training pictures show the same digit", "give more of them")
    components = fit_components(training.pictures, COMPONENTS)
    kinds: tuple[tuple[str, Callable[[Pictures], Floats]], ...] = (
        (f"codes of {name}", lambda pictures: codec.encode_cells(_unit(pictures)[:, None])),
        ("raw pixels", lambda pictures: _unit(pictures).reshape(len(pictures), -1)),
        (f"PCA-{len(components.components_)}", lambda pictures: component_codes(components, pictures)),
    )
    for kind, features in kinds:
        seen = features(test.pictures)
        accuracy = _fit(features(training.pictures), training.labels, seen, test.labels)
        yield Probe(kind, seen.shape[1], accuracy), seen
        progress()


def _unit(pictures: Pictures) -> Floats:
    unit: Floats = (pictures / 255).astype(np.float32)
    return unit


def _fit(features: Floats, labels: NDArray[np.uint8], test: Floats, test_labels: NDArray[np.uint8]) -> float:
    """Return the accuracy of a logistic regression."""
    try:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ImportError:
        raise missing_sklearn() from None
    model: Any = make_pipeline(StandardScaler(), LogisticRegression(max_iter=_ITERATIONS))
    return float(model.fit(features, labels).score(test, test_labels))


def draw_map(codes: Floats, labels: NDArray[np.uint8], title: str, file_format: str, seed: int = 0) -> bytes:
    """Draw codes as points in a plane where neighbours are alike: t-SNE (van der Maaten and Hinton 2008).

    Args:
        codes: N x latent; the first `MAPPED` are drawn.
        labels: what each shows, which colours its point.
        title: a line above.
        file_format: png or svg.
        seed: the same one gives the same map on the same machine.

    Raises:
        PackageError: scikit-learn is missing.
    """
    try:
        from sklearn.manifold import TSNE
    except ImportError:
        raise missing_sklearn() from None
    from matplotlib.figure import Figure

    from denoise_ae.training.fitting.plots import draw_points, saved

    shown = codes[:MAPPED]
    perplexity = min(30.0, (len(shown) - 1) / 3)
    places = TSNE(init="pca", perplexity=perplexity, random_state=seed).fit_transform(shown)
    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    axes = figure.subplots()
    draw_points(axes, places, labels[:MAPPED].tolist())
    axes.set_title(title, fontsize="medium", parse_math=False)
    axes.set(xticks=[], yticks=[])
    return saved(figure, file_format)
