"""Latent codes as features of digits: a linear probe, and a map of the codes.

Needs scikit-learn and, for the map, matplotlib: the extra ``[features]``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from denoise_ae.codes.codec import Codec, Floats
from denoise_ae.errors import ModelError, PackageError, TrainingError

if TYPE_CHECKING:
    from sklearn.decomposition import PCA

Pictures = NDArray[np.uint8]
"""N x H x W."""

COMPONENTS = 64
"""Principal components that codes are compared with."""

MAPPED = 1000
"""Pictures in a map; t-SNE takes some seconds for them."""

_ITERATIONS = 1000


@dataclass(frozen=True)
class Probe:
    """How well a linear probe classifies digits by some features of each."""

    features: str
    numbers: int
    accuracy: float
    """Share of the test pictures that it classifies correctly."""


@dataclass(frozen=True)
class Labelled:
    """Pictures, uint8 N x H x W, and their labels."""

    pictures: Pictures
    labels: NDArray[np.uint8]

    def first(self, count: int | None) -> Labelled:
        """Return the first of them, or all."""
        return Labelled(self.pictures[:count], self.labels[:count])


def probe_features(
    codec: Codec, name: str, training: Labelled, test: Labelled, progress: Callable[[], None] = lambda: None
) -> Iterator[tuple[Probe, Floats]]:
    """Fit a linear probe (multinomial logistic regression) on codes, on raw pixels and on principal components.

    Features are standardised to mean 0 and deviation 1 first; nothing is tuned.

    Args:
        codec: the model.
        name: its name.
        training: what the probes and the components are fitted to.
        test: what they are judged on.
        progress: called after each of three probes.

    Yields:
        A probe, and the test pictures' features, N x numbers; that of the codes first.

    Raises:
        PackageError: scikit-learn is missing.
        ModelError: the model fails, or does not take such pictures.
        TrainingError: all training pictures have the same label.
    """
    check_model(name, codec, test.pictures)
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


def check_model(name: str, codec: Codec, pictures: Pictures) -> None:
    """Check that a model takes these pictures.

    Raises:
        ModelError: it does not.
    """
    if codec.card.channels != 1 or codec.cell != pictures.shape[1:]:
        height, width = pictures.shape[1:]
        raise ModelError(
            f"model {name} does not encode gray pictures of {width} x {height} pixels", "give one for digits"
        )


def fit_components(pictures: Pictures, most: int) -> PCA:
    """Fit at most so many principal components to pictures.

    Raises:
        PackageError: scikit-learn is missing.
    """
    try:
        from sklearn.decomposition import PCA
    except ImportError:
        raise _missing_sklearn() from None
    flat = _unit(pictures).reshape(len(pictures), -1)
    return PCA(min(most, *flat.shape), svd_solver="covariance_eigh").fit(flat)


def component_codes(components: PCA, pictures: Pictures) -> Floats:
    """Return the principal components of pictures, N x components."""
    codes: Floats = components.transform(_unit(pictures).reshape(len(pictures), -1)).astype(np.float32)
    return codes


def _missing_sklearn() -> PackageError:
    return PackageError(
        "this needs scikit-learn, which is not installed", "install it with: pip install 'denoise-ae[features]'"
    )


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
        raise _missing_sklearn() from None
    model: Any = make_pipeline(StandardScaler(), LogisticRegression(max_iter=_ITERATIONS))
    return float(model.fit(features, labels).score(test, test_labels))


def draw_map(codes: Floats, labels: NDArray[np.uint8], title: str, file_format: str, seed: int = 0) -> bytes:
    """Draw a map of codes by t-SNE (van der Maaten and Hinton 2008).

    Args:
        codes: N x latent; the first `MAPPED` are drawn.
        labels: of each, which colour its point.
        title: a line above.
        file_format: png or svg.
        seed: the same one gives the same map on the same machine.

    Raises:
        PackageError: scikit-learn is missing.
    """
    try:
        from sklearn.manifold import TSNE
    except ImportError:
        raise _missing_sklearn() from None
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
