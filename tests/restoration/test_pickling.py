"""A model that is loaded goes to other processes and machines, as a batch past one machine needs."""

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import denoise_ae
from denoise_ae.restoration.denoiser import Denoiser

PICTURE = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)

PROGRAM = """
import pickle, sys
sys.path[:] = {path!r}
denoiser, picture = pickle.load(sys.stdin.buffer)
sys.stdout.buffer.write(pickle.dumps((denoiser.clean(picture), denoiser.device, denoiser.card)))
"""


@pytest.mark.parametrize("again", [copy.deepcopy, copy.copy, lambda it: pickle.loads(pickle.dumps(it))])
def test_a_copy_does_the_same(network, again):
    denoiser = Denoiser(network("rgb"), threads=1, tile=64)
    other = again(denoiser)
    np.testing.assert_array_equal(other.clean(PICTURE), denoiser.clean(PICTURE))
    assert (other.card, other.device) == (denoiser.card, denoiser.device)


def test_it_works_in_another_process_where_its_file_is_not(network, tmp_path):
    file = tmp_path / "mine.onnx"
    file.write_bytes(network("rgb").read_bytes())
    denoiser = Denoiser(file, threads=1)
    file.unlink()
    program = PROGRAM.format(path=[str(Path(denoise_ae.__file__).parents[1]), *sys.path])
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, input=pickle.dumps((denoiser, PICTURE)), capture_output=True, check=True, cwd=tmp_path)
    clean, device, card = pickle.loads(done.stdout)
    np.testing.assert_array_equal(clean, denoiser.clean(PICTURE))
    assert (device, card) == ("cpu", denoiser.card)
