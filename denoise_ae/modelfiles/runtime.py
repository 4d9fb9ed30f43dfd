"""onnxruntime, which only this file imports: devices, loading a network, running it and interrupting it."""

from __future__ import annotations

import re

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from denoise_ae.errors import DeviceError, Interrupted, ModelError
from denoise_ae.modelfiles.graph import IMAGE_TO_IMAGE

DEVICES = {
    "cuda": "CUDAExecutionProvider",
    "dml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
"""Device -> onnxruntime's name for it."""

AUTO = ("cuda", "dml", "cpu")
"""Devices that ``auto`` tries in turn. CoreML, which computes in half precision, and OpenVINO must be asked for."""

_INSTALL = {
    "cuda": "install onnxruntime-gpu",
    "dml": "install onnxruntime-directml on Windows",
    "coreml": "install onnxruntime on macOS",
    "openvino": "install onnxruntime-openvino",
}
_SILENT = 4


def available_devices() -> list[str]:
    """Return the devices that this build of onnxruntime supports; the hardware may still be missing."""
    offered = onnxruntime.get_available_providers()
    return [device for device, provider in DEVICES.items() if provider in offered]


class Interrupt:
    """Stops, from any thread, the network runs that it was passed to: within a layer, not only between tiles."""

    def __init__(self) -> None:
        self._is_set = False
        self.options = onnxruntime.RunOptions()
        self.options.log_severity_level = _SILENT

    @property
    def is_set(self) -> bool:
        """Whether the runs are to stop."""
        return self._is_set

    def set(self) -> None:
        """Stop the runs, and any that begin later."""
        self._is_set = True
        self.options.terminate = True


class Network:
    """An ONNX network loaded on a device.

    Args:
        data: the ONNX file.
        name: what to call the model in messages.
        device: one of `DEVICES`, or ``auto`` for the first that works.
        threads: CPU threads.

    Attributes:
        device: the device that it runs on.

    Raises:
        ModelError: onnxruntime can't load the network.
        DeviceError: the device is not available.
    """

    def __init__(self, data: bytes, name: str, device: str, threads: int) -> None:
        self._name = name
        self.session, self.device = _load(data, name, device, threads)

    def run(
        self, outputs: list[str], feeds: dict[str, NDArray[np.float32]], interrupt: Interrupt | None = None
    ) -> list[NDArray[np.float32]]:
        """Compute some outputs from inputs, both by name.

        Raises:
            Interrupted: `interrupt` was set.
            ModelError: the run fails, or gives values that are not finite.
        """
        try:
            options = [interrupt.options] if interrupt else []
            results: list[NDArray[np.float32]] = self.session.run(outputs, feeds, *options)
        except Exception as error:  # onnxruntime's errors have no common class
            if interrupt and interrupt.is_set:
                raise Interrupted(f"model {self._name} was interrupted") from None
            raise ModelError(
                f"model {self._name} failed: {_first_line(error)}", "a smaller --tile takes less memory"
            ) from None
        if not all(np.isfinite(result).all() for result in results):
            raise ModelError(
                f"model {self._name} gave NaN or infinite values",
                "the model is broken, or the pixels are far beyond black and white",
            )
        return results


def _load(data: bytes, name: str, device: str, threads: int) -> tuple[onnxruntime.InferenceSession, str]:
    """Load a network on the first device that takes it."""
    offered = available_devices()
    if device not in ("auto", *offered):
        raise DeviceError(
            f"device {device} is not available",
            f"{_INSTALL[device]}, or use --device cpu"
            if device in _INSTALL
            else f"choose from {', '.join(('auto', *offered))}",
        )
    # The default logger belongs to the process. Among other things it reports missing GPU libraries.
    onnxruntime.set_default_logger_severity(_SILENT)
    for candidate in [each for each in AUTO if each in offered] if device == "auto" else [device]:
        try:
            session = onnxruntime.InferenceSession(
                data,
                _options(threads),
                providers=list(dict.fromkeys((DEVICES[candidate], DEVICES["cpu"]))),
                enable_fallback=False,  # it prints
            )
        except Exception as error:  # onnxruntime's errors have no common class
            reason = _first_line(error)
            if candidate == "cpu":
                raise ModelError(f"model {name} can't be loaded: {reason}", IMAGE_TO_IMAGE) from None
        else:
            if DEVICES[candidate] in session.get_providers():
                return session, candidate
            reason = "its libraries or its hardware are missing"
    raise DeviceError(f"device {device} can't be used: {reason}", "leave out --device, or use --device cpu")


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = _SILENT
    # Measured on tiles of 1024 px: with the arena and without the pattern, memory is lowest and stays flat.
    options.enable_mem_pattern = False
    # Waiting threads leave their core to decoding and encoding: 10 % less time on two busy cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.load_model_format", "ONNX")
    return options


def _first_line(error: Exception) -> str:
    """Return the first line of onnxruntime's message, without its codes and the place in its source."""
    line = (str(error).splitlines() or [type(error).__name__])[0]
    line = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", line)
    line = re.sub(r"^Non-zero status code returned while running (\w+) node\..*?Status Message: ", r"\1: ", line)
    return re.sub(r"/onnxruntime_src/\S+:\d+ .*?\) ", "", line)[:300]
