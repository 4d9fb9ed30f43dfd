"""Run networks: the only importer of onnxruntime. Devices, threads, and one Session that checks what it is given."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from denoise_ae.errors import DeviceError, Interrupted, ModelError, UsageError
from denoise_ae.modelfiles.card import METADATA_KEY, ModelCard
from denoise_ae.modelfiles.graph import (
    CODE_OUTPUT,
    DECODED_OUTPUT,
    GIVEN_INPUT,
    IMAGE_TO_IMAGE,
    MASK_INPUT,
    SIGMA_INPUT,
    no_code,
    read_graph,
    refusal,
)
from denoise_ae.modelfiles.onnx_file import check_model, read_model
from denoise_ae.modelfiles.probe import probe
from denoise_ae.system.cpus import available_cpus

DEVICES = {
    "cuda": "CUDAExecutionProvider",
    "dml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
"""Device -> onnxruntime's name for it."""

AUTO = ("cuda", "dml", "cpu")
"""What ``auto`` tries in turn. CoreML, which computes in half precision, and OpenVINO have to be asked for."""

_SILENT = 4
_TRIAL_SIDE = 16
_REPEATABLE = 1e-3
"""Most that two runs on one picture may differ, from 0 to 1: threads may add up in another order each time."""
_TRIAL_CODES = 3


def available_devices() -> list[str]:
    """Return the devices that this build of onnxruntime offers; the hardware may still be missing."""
    offered = onnxruntime.get_available_providers()
    return [device for device, provider in DEVICES.items() if provider in offered]


class Interrupt:
    """Ends, from any thread, the runs of networks that it was given to: within a layer, and not only within a tile."""

    def __init__(self) -> None:
        self._is_set = False
        self.options = onnxruntime.RunOptions()
        self.options.log_severity_level = _SILENT

    @property
    def is_set(self) -> bool:
        """Whether the runs are to end."""
        return self._is_set

    def set(self) -> None:
        """End the runs, and each that begins from now on."""
        self._is_set = True
        self.options.terminate = True


class Session:
    """A network, loaded once and ready to run; several threads may share it.

    Args:
        model: an ONNX file, or its bytes.
        device: one of `DEVICES`, or ``auto``.
        threads: how many the CPU may keep busy, at least 1; None takes `available_cpus`.
        name: what to call the model in messages and in a card made here; by default the file's name.
        card: what is known about the model already; by default the card in the file, or else what trial runs show.

    Attributes:
        card: what a caller must know about the model.
        device: the device that it runs on.

    Raises:
        ModelError: the model can't be read, refers to other files, is no image-to-image network, fails a trial run, or
            gives another result each time.
        DeviceError: a device was named that is not to be had.
        UsageError: `threads` is below 1.
    """

    def __init__(
        self,
        model: Path | bytes,
        device: str = "auto",
        threads: int | None = None,
        name: str = "",
        card: ModelCard | None = None,
    ) -> None:
        if threads is not None and threads < 1:
            raise UsageError(f"{threads} threads can't run a network", "give --threads 1 or more, or leave it out")
        data = model if isinstance(model, bytes) else read_model(model)
        self._name = name or (model.stem if isinstance(model, Path) else "model")
        check_model(data, self._name)
        self._session, self.device = self._open(data, device, threads or available_cpus())
        self._graph = read_graph(
            self._name,
            self._session.get_inputs(),
            self._session.get_overridable_initializers(),
            self._session.get_outputs(),
        )
        self.card = card or self._read_card() or self._probe()
        self._check_card()
        # An odd number of size multiples: what needs twice as many pixels, or four times, fails here and not later.
        side = self.card.size_multiple * (-(-max(self.card.min_size, _TRIAL_SIDE) // self.card.size_multiple) | 1)
        trial = np.full((1, self.card.channels, *(self.card.fixed_size or (side, side))), 0.5, np.float32)
        first, second = (self._try(trial) for _ in range(2))
        if np.abs(first - second).max() > _REPEATABLE:
            raise self._refusal("gives another result each time, so that its tiles would not join")
        if self.card.latent:
            self._try_codes(trial, first)

    def _try(self, trial: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run the network with whatever it has to be told."""
        if self.card.takes_mask:
            return self.fill(trial, np.eye(*trial.shape[2:], dtype=np.float32)[None, None])
        return self.run(trial, 0.1 if self.card.takes_sigma else None)

    def fill(
        self, batch: NDArray[np.float32], mask: NDArray[np.float32], interrupt: Interrupt | None = None
    ) -> NDArray[np.float32]:
        """Run a network that fills lost pixels.

        Args:
            batch: as for `run`; lost pixels hold a rough guess, see `denoise_ae.pixels.masked.fill`.
            mask: float32 Nx1xHxW, 1 for pixels that are lost, else 0.
            interrupt: ends the run when it is set.

        Returns:
            The same shape and scale as the batch, not clipped; what it holds where nothing was lost is not to be used.

        Raises:
            Interrupted: `interrupt` was set.
            ModelError: see `run`.
        """
        low, high = self.card.value_range
        black, scale = np.float32(low), np.float32(high - low)
        filled, _ = self._forward(batch * scale + black, mask, interrupt)
        return (filled - black) / scale

    def run(self, batch: NDArray[np.float32], sigma: float | None = None) -> NDArray[np.float32]:
        """Run the network.

        Args:
            batch: float32 NxCxHxW, black at 0 and white at 1 whatever the network's own range; finite; height and
                width as the card asks.
            sigma: standard deviation of the noise on the same scale, for networks that take it; None for the others.
                Networks that estimate it take -x for x times their own estimate.

        Returns:
            The same shape and scale, not clipped.

        Raises:
            ModelError: the network fails, gives another shape, or values that are no finite numbers.
        """
        return self.restore(batch, sigma)[0]

    def restore(
        self, batch: NDArray[np.float32], sigma: float | None = None, interrupt: Interrupt | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Run the network as `run` does, and return besides the noise level where the network estimates it.

        The level is a map of standard deviations on the scale of the pictures, float32 N x 1 x cells, else None.

        Raises:
            Interrupted: `interrupt` was set.
            ModelError: see `run`.
        """
        low, high = self.card.value_range
        if (low, high) == (0, 1):
            return self._forward(batch, sigma, interrupt)
        black, scale = np.float32(low), np.float32(high - low)
        told = sigma * (high - low) if sigma and sigma > 0 else sigma
        clean, level = self._forward(batch * scale + black, told, interrupt)
        return (clean - black) / scale, None if level is None else level / scale

    def encode(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the latent code of each picture, float32 N x latent, for networks that have one (`card.latent`).

        Args:
            batch: as for `run`.

        Raises:
            ModelError: the network has no code, or fails as in `run`.
        """
        self._require_code()
        low, high = self.card.value_range
        scaled = batch * np.float32(high - low) + np.float32(low)
        (codes,) = self._run([CODE_OUTPUT], {self._graph.image: scaled})
        self._check_shape(CODE_OUTPUT, codes, (len(batch), self._graph.latent))
        return codes

    def decode(self, codes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what latent codes stand for: for the code of a picture, what `run` makes of that picture.

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
        # The graph's other input, which nothing that is asked for depends on.
        nothing = np.full((1, self.card.channels, *self.card.fixed_size), low, np.float32)
        (decoded,) = self._run([DECODED_OUTPUT], {self._graph.image: nothing, GIVEN_INPUT: codes})
        self._check_shape(DECODED_OUTPUT, decoded, (len(codes), *nothing.shape[1:]))
        restored: NDArray[np.float32] = (decoded - np.float32(low)) / np.float32(high - low)
        return restored

    def _require_code(self) -> None:
        if not self.card.latent:
            raise no_code(self.card)

    def _check_shape(self, output: str, result: NDArray[np.float32], shape: tuple[int, ...]) -> None:
        if result.shape != shape:
            found, wanted = (" x ".join(map(str, sides)) for sides in (result.shape, shape))
            raise self._refusal(f"gives {output} as {found}, not {wanted}")

    def _try_codes(self, pictures: NDArray[np.float32], restored: NDArray[np.float32]) -> None:
        """Check that encoder and decoder are the two halves of the network, on one picture and on several at once."""
        apart = np.abs(self.decode(self.encode(pictures)) - restored).max()
        if apart > _REPEATABLE:
            raise self._refusal("decodes a picture's code to something else than it makes of the picture")
        ramp = np.linspace(0, 1, pictures.size, dtype=np.float32).reshape(pictures.shape)
        several = np.concatenate([ramp * share for share in np.linspace(0, 1, _TRIAL_CODES, dtype=np.float32)])
        codes = self.encode(several)
        one_by_one = np.concatenate([self.decode(code[None]) for code in codes])
        if np.abs(self.decode(codes) - one_by_one).max() > _REPEATABLE:
            raise self._refusal("decodes a code to something else when others are decoded with it")

    def _forward(
        self,
        batch: NDArray[np.float32],
        told: float | NDArray[np.float32] | None = None,
        interrupt: Interrupt | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Run the network on its own scale; it is told a noise level, a mask Nx1xHxW, or nothing."""
        if self._graph.batch_of_one and len(batch) > 1:
            each = [told[i : i + 1] if isinstance(told, np.ndarray) else told for i in range(len(batch))]
            runs = (self._forward(one[None], own, interrupt) for one, own in zip(batch, each, strict=True))
            cleans, levels = zip(*runs, strict=True)
            return np.concatenate(cleans), np.concatenate(levels) if self._graph.estimates_sigma else None
        feeds = {self._graph.image: batch}
        if isinstance(told, np.ndarray):
            feeds[MASK_INPUT] = told
        elif told is not None:
            feeds[SIGMA_INPUT] = np.full((len(batch), 1, 1, 1), told, np.float32)
        results = self._run(self._graph.outputs, feeds, interrupt)
        if results[0].shape != batch.shape:
            shapes = [" x ".join(map(str, array.shape)) for array in (batch, results[0])]
            raise ModelError(
                f"model {self._name} turns {shapes[0]} into {shapes[1]}: its output must have the input's size",
                IMAGE_TO_IMAGE,
            )
        if self._graph.estimates_sigma and (results[1].ndim != 4 or results[1].shape[:2] != (len(batch), 1)):
            raise self._refusal(f"gives its noise level as {' x '.join(map(str, results[1].shape))}, not N x 1 x cells")
        return results[0], results[1] if self._graph.estimates_sigma else None

    def _run(
        self, outputs: list[str], feeds: dict[str, NDArray[np.float32]], interrupt: Interrupt | None = None
    ) -> list[NDArray[np.float32]]:
        """Run the graph, and see that it gives finite numbers."""
        try:
            options = [interrupt.options] if interrupt else []
            results: list[NDArray[np.float32]] = self._session.run(outputs, feeds, *options)
        except Exception as error:  # onnxruntime's errors have no common class of their own
            if interrupt and interrupt.is_set:
                raise Interrupted(f"model {self._name} was interrupted") from None
            raise ModelError(
                f"model {self._name} failed: {_reason(error)}", "a smaller --tile takes less memory"
            ) from None
        if not all(np.isfinite(result).all() for result in results):
            raise ModelError(
                f"model {self._name} gave values that are no finite numbers",
                "the model is broken, or the pixels are far beyond black and white",
            )
        return results

    def _open(self, data: bytes, device: str, threads: int) -> tuple[onnxruntime.InferenceSession, str]:
        """Load the network on the first device that takes it."""
        offered = available_devices()
        if device not in ("auto", *offered):
            raise DeviceError(f"device {device} is not to be had", f"there is {', '.join(('auto', *offered))}")
        # The default logger belongs to the process; it reports, for one, GPU libraries that are missing.
        onnxruntime.set_default_logger_severity(_SILENT)
        for candidate in [name for name in AUTO if name in offered] if device == "auto" else [device]:
            try:
                session = onnxruntime.InferenceSession(
                    data,
                    _options(threads),
                    providers=list(dict.fromkeys((DEVICES[candidate], DEVICES["cpu"]))),
                    enable_fallback=False,  # it prints
                )
            except Exception as error:  # onnxruntime's errors have no common class of their own
                reason = _reason(error)
                if candidate == "cpu":
                    raise ModelError(f"model {self._name} can't be loaded: {reason}", IMAGE_TO_IMAGE) from None
            else:
                if DEVICES[candidate] in session.get_providers():
                    return session, candidate
                reason = "its libraries or its hardware are missing"
        raise DeviceError(f"device {device} can't be used: {reason}", "leave out --device, or give --device cpu")

    def _read_card(self) -> ModelCard | None:
        text = self._session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        if text is None:
            return None
        try:
            return ModelCard.from_json(text)
        except ValueError as error:
            raise ModelError(
                f"the card in model {self._name} makes no sense: {error}", "export the model again"
            ) from None

    def _probe(self) -> ModelCard:
        if self._graph.takes_sigma or self._graph.takes_mask:
            raise self._refusal("has two inputs and no card of denoise-ae that explains them")
        if self._graph.latent:
            raise self._refusal("has a latent code and no card of denoise-ae that explains it")
        return probe(lambda batch: self._forward(batch)[0], self._name, self._graph.channels, self._graph.fixed_size)

    def _check_card(self) -> None:
        """Check that the card agrees with the graph."""
        if self._graph.contradicts(self.card):
            raise ModelError(f"the card of model {self._name} contradicts its network", "export the model again")

    def _refusal(self, reason: str) -> ModelError:
        return refusal(self._name, reason)


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = _SILENT
    # Measured on tiles of 1024 px: with the arena and without the pattern memory is lowest and stays flat.
    options.enable_mem_pattern = False
    # Threads that wait give their core to decoding and encoding: 10 % less time on two busy cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.load_model_format", "ONNX")
    return options


def _reason(error: Exception) -> str:
    """Return the first line of onnxruntime's message without its codes and without the place in its source."""
    line = (str(error).splitlines() or [type(error).__name__])[0]
    line = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", line)
    line = re.sub(r"^Non-zero status code returned while running (\w+) node\..*?Status Message: ", r"\1: ", line)
    return re.sub(r"/onnxruntime_src/\S+:\d+ .*?\) ", "", line)[:300]
