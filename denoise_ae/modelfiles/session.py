"""Session: a network that was loaded and checked, with pictures and noise levels on the scale of 0 to 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from denoise_ae.errors import ModelError
from denoise_ae.modelfiles.card import METADATA_KEY, ModelCard
from denoise_ae.modelfiles.graph import (
    CODE_OUTPUT,
    DECODED_OUTPUT,
    EXPORT_AGAIN,
    GIVEN_INPUT,
    IMAGE_TO_IMAGE,
    LIMIT_INPUT,
    MASK_INPUT,
    SIGMA_INPUT,
    no_code,
    read_graph,
    refusal,
)
from denoise_ae.modelfiles.onnx_file import check_model, read_model
from denoise_ae.modelfiles.probe import probe
from denoise_ae.modelfiles.runtime import Interrupt, Network
from denoise_ae.system.cpus import available_cpus, check_threads

_TRIAL_SIDE = 16
_REPEATABLE = 1e-3
"""Largest difference of two runs on one picture, on the scale of 0 to 1: threads may sum in another order each time."""
_TRIAL_CODES = 3

Floats = NDArray[np.float32]


class Session:
    """A network, loaded once and ready to run; several threads may share it.

    Args:
        model: an ONNX file, or its bytes.
        device: one of `denoise_ae.modelfiles.runtime.DEVICES`, or ``auto``.
        threads: CPU threads, see `denoise_ae.system.cpus.check_threads`; None: as many as
            `denoise_ae.system.cpus.available_cpus`.
        name: what to call the model in messages and in a card made here; by default the file's name.
        card: the model's card if it is known already; by default the one in the file, or else one from trial runs.

    Attributes:
        card: what a caller must know about the model.
        device: the device that it runs on.

    Raises:
        ModelError: the model can't be read, refers to other files, is not an image-to-image network, fails a trial run,
            or is not deterministic.
        DeviceError: the named device is not available.
        UsageError: `threads` is below 1 or far more than there are CPUs.
    """

    def __init__(
        self,
        model: Path | bytes,
        device: str = "auto",
        threads: int | None = None,
        name: str = "",
        card: ModelCard | None = None,
    ) -> None:
        check_threads(threads)
        data = model if isinstance(model, bytes) else read_model(model)
        self._data, self._asked = data, (device, threads)
        self._name = name or (model.stem if isinstance(model, Path) else "model")
        check_model(data, self._name)
        self._network = Network(data, self._name, device, threads or available_cpus())
        self.device = self._network.device
        self._graph = read_graph(
            self._name,
            self._network.session.get_inputs(),
            self._network.session.get_overridable_initializers(),
            self._network.session.get_outputs(),
        )
        self.card = card or self._read_card() or self._probe()
        self._check_card()
        # An odd number of size multiples: a network that needs a larger multiple fails here and not later.
        side = self.card.size_multiple * (-(-max(self.card.min_size, _TRIAL_SIDE) // self.card.size_multiple) | 1)
        trial = np.full((1, self.card.channels, *(self.card.fixed_size or (side, side))), 0.5, np.float32)
        first, second = (self._try(trial) for _ in range(2))
        if np.abs(first - second).max() > _REPEATABLE:
            raise self._refusal("gives another result each time, so that tiles would not match")
        if self.card.latent:
            self._try_codes(trial, first)

    @property
    def takes_limit(self) -> bool:
        """Whether the noise level that the network estimates can be limited."""
        return self._graph.takes_limit

    def __reduce__(self) -> tuple[type[Session], tuple[bytes, str, int | None, str, ModelCard]]:
        """Pickle and copy it as its file and what was asked for, to be loaded anew wherever it arrives."""
        return type(self), (self._data, *self._asked, self._name, self.card)

    def _try(self, trial: Floats) -> Floats:
        """Run the network with whatever second input it takes."""
        if self.card.takes_mask:
            return self.fill(trial, np.eye(*trial.shape[2:], dtype=np.float32)[None, None])
        return self.run(trial, 0.1 if self.card.takes_sigma else None)

    def fill(self, batch: Floats, mask: Floats, interrupt: Interrupt | None = None) -> Floats:
        """Run a network that fills masked pixels.

        Args:
            batch: as for `run`; masked pixels hold a rough guess, see `denoise_ae.pixels.masked.fill`.
            mask: float32 Nx1xHxW, 1 for pixels to fill, else 0.
            interrupt: ends the run when it is set.

        Returns:
            The same shape and scale as the batch, not clipped; only the masked pixels mean anything.

        Raises:
            Interrupted: `interrupt` was set.
            ModelError: see `run`.
        """
        low, high = self.card.value_range
        black, scale = np.float32(low), np.float32(high - low)
        filled, _ = self._forward(batch * scale + black, mask, interrupt)
        return (filled - black) / scale

    def run(self, batch: Floats, sigma: float | None = None) -> Floats:
        """Run the network.

        Args:
            batch: float32 NxCxHxW, black at 0 and white at 1 whatever the network's own range; finite; height and
                width as the card requires.
            sigma: standard deviation of the noise on the same scale, for networks that take it; None for the others.
                Networks that estimate it take -x for x times their own estimate.

        Returns:
            The same shape and scale, not clipped.

        Raises:
            ModelError: the network fails, or gives another shape, or NaN or infinite values.
        """
        return self.restore(batch, sigma)[0]

    def restore(
        self,
        batch: Floats,
        sigma: float | None = None,
        interrupt: Interrupt | None = None,
        *,
        largest: float | None = None,
    ) -> tuple[Floats, Floats | None]:
        """Run the network as `run` does, and return its noise estimate too.

        The estimate is a map of standard deviations on the scale of the pictures, float32 N x 1 x cells; None if the
        network makes none. The network goes by no higher level than `largest` on its own account, if it can be told so:
        see `takes_limit`.

        Raises:
            Interrupted: `interrupt` was set.
            ModelError: see `run`.
        """
        low, high = self.card.value_range
        if (low, high) == (0, 1):
            return self._forward(batch, sigma, interrupt, largest)
        black, scale = np.float32(low), np.float32(high - low)
        sigma_input = sigma * (high - low) if sigma and sigma > 0 else sigma
        limit = None if largest is None else largest * (high - low)
        clean, level = self._forward(batch * scale + black, sigma_input, interrupt, limit)
        return (clean - black) / scale, None if level is None else level / scale

    def encode(self, batch: Floats) -> Floats:
        """Return the latent code of each picture, float32 N x latent, for networks with one (`card.latent`).

        Args:
            batch: as for `run`.

        Raises:
            ModelError: the network has no code, or fails as in `run`.
        """
        self._require_code()
        low, high = self.card.value_range
        scaled = batch * np.float32(high - low) + np.float32(low)
        (codes,) = self._network.run([CODE_OUTPUT], {self._graph.image: scaled})
        self._check_shape(CODE_OUTPUT, codes, (len(batch), self._graph.latent))
        return codes

    def decode(self, codes: Floats) -> Floats:
        """Decode latent codes: the code of a picture gives what `run` makes of that picture.

        Args:
            codes: float32 N x latent, finite.

        Returns:
            N x channels x height x width as the card says, black at 0 and white at 1, not clipped.

        Raises:
            ModelError: the network has no code, or fails as in `run`.
        """
        self._require_code()
        assert self.card.fixed_size
        low, high = self.card.value_range
        # The graph requires an image, though the decoded output does not depend on it.
        unused = np.full((1, self.card.channels, *self.card.fixed_size), low, np.float32)
        (decoded,) = self._network.run([DECODED_OUTPUT], {self._graph.image: unused, GIVEN_INPUT: codes})
        self._check_shape(DECODED_OUTPUT, decoded, (len(codes), *unused.shape[1:]))
        restored: Floats = (decoded - np.float32(low)) / np.float32(high - low)
        return restored

    def _require_code(self) -> None:
        if not self.card.latent:
            raise no_code(self.card)

    def _check_shape(self, output: str, result: Floats, shape: tuple[int, ...]) -> None:
        if result.shape != shape:
            found, wanted = (" x ".join(map(str, sides)) for sides in (result.shape, shape))
            raise self._refusal(f"gives {output} as {found}, not {wanted}")

    def _try_codes(self, pictures: Floats, restored: Floats) -> None:
        """Check that encoder and decoder are the two halves of the network, with one picture and with several."""
        difference = np.abs(self.decode(self.encode(pictures)) - restored).max()
        if difference > _REPEATABLE:
            raise self._refusal("decodes a picture's code to something else than it makes of the picture")
        ramp = np.linspace(0, 1, pictures.size, dtype=np.float32).reshape(pictures.shape)
        several = np.concatenate([ramp * share for share in np.linspace(0, 1, _TRIAL_CODES, dtype=np.float32)])
        codes = self.encode(several)
        one_by_one = np.concatenate([self.decode(code[None]) for code in codes])
        if np.abs(self.decode(codes) - one_by_one).max() > _REPEATABLE:
            raise self._refusal("decodes a code differently when others are decoded with it")

    def _forward(
        self,
        batch: Floats,
        condition: float | Floats | None = None,
        interrupt: Interrupt | None = None,
        largest: float | None = None,
    ) -> tuple[Floats, Floats | None]:
        """Run the network on its own scale, conditioned on a noise level, on a mask Nx1xHxW, or on nothing."""
        if self._graph.batch_of_one and len(batch) > 1:
            each = [condition[i : i + 1] if isinstance(condition, np.ndarray) else condition for i in range(len(batch))]
            runs = (self._forward(one[None], own, interrupt, largest) for one, own in zip(batch, each, strict=True))
            cleans, levels = zip(*runs, strict=True)
            return np.concatenate(cleans), np.concatenate(levels) if self._graph.estimates_sigma else None
        feeds = {self._graph.image: batch}
        if isinstance(condition, np.ndarray):
            feeds[MASK_INPUT] = condition
        elif condition is not None:
            feeds[SIGMA_INPUT] = np.full((len(batch), 1, 1, 1), condition, np.float32)
        if largest is not None and self.takes_limit:
            feeds[LIMIT_INPUT] = np.full((1, 1, 1, 1), largest, np.float32)
        results = self._network.run(self._graph.outputs, feeds, interrupt)
        if results[0].shape != batch.shape:
            shapes = [" x ".join(map(str, array.shape)) for array in (batch, results[0])]
            raise ModelError(
                f"model {self._name} turns {shapes[0]} into {shapes[1]}: its output must have the input's size",
                IMAGE_TO_IMAGE,
            )
        if self._graph.estimates_sigma and (results[1].ndim != 4 or results[1].shape[:2] != (len(batch), 1)):
            raise self._refusal(f"gives its noise level as {' x '.join(map(str, results[1].shape))}, not N x 1 x cells")
        return results[0], results[1] if self._graph.estimates_sigma else None

    def _read_card(self) -> ModelCard | None:
        text = self._network.session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        if text is None:
            return None
        try:
            return ModelCard.from_json(text)
        except ValueError as error:
            raise ModelError(f"the card in model {self._name} is invalid: {error}", EXPORT_AGAIN) from None

    def _probe(self) -> ModelCard:
        if self._graph.takes_sigma or self._graph.takes_mask:
            raise self._refusal("has two inputs and no card by denoise-ae that explains them")
        if self._graph.latent:
            raise self._refusal("has a latent code and no card by denoise-ae that explains it")
        return probe(lambda batch: self._forward(batch)[0], self._name, self._graph.channels, self._graph.fixed_size)

    def _check_card(self) -> None:
        """Check that the card agrees with the graph."""
        if self._graph.contradicts(self.card):
            raise ModelError(f"the card of model {self._name} contradicts its network", EXPORT_AGAIN)

    def _refusal(self, reason: str) -> ModelError:
        return refusal(self._name, reason)
