"""Sessions: what is refused and why, what a trial finds out about foreign networks, devices and threads."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from tiny import NETWORKS, Graph, cell_gain, filling, residual, strip_card

from denoise_ae.errors import DeviceError, ModelError, UsageError
from denoise_ae.modelfiles import session
from denoise_ae.modelfiles.card import METADATA_KEY, ModelCard
from denoise_ae.modelfiles.runtime import available_devices
from denoise_ae.modelfiles.session import Session

SAMPLE = Path(__file__).parents[2] / "samples" / "noisy" / "digits.png"


def batch(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).random(shape, dtype=np.float32)


# What a session does


def test_it_gives_what_the_network_gives(network):
    reference = onnxruntime.InferenceSession(network("rgb"), providers=["CPUExecutionProvider"])
    pictures = batch(2, 3, 33, 20)
    assert np.allclose(Session(network("rgb")).run(pictures), reference.run(None, {"image": pictures})[0], atol=1e-6)


def test_the_noise_level_reaches_each_picture_of_a_batch(network):
    session, pictures = Session(network("told")), batch(2, 3, 16, 16)
    change = [session.run(pictures, sigma) - pictures for sigma in (0.0, 0.1, 0.2)]
    assert (change[0] == 0).all()
    assert np.abs(change[1]).max(axis=(1, 2, 3)).min() > 0.01
    assert np.allclose(change[2], 2 * change[1], atol=1e-5)


@pytest.mark.parametrize(("low", "high"), [(0, 255), (-1, 1), (-0.5, 0.5)])
def test_the_value_range_of_the_card_is_honoured(save, low, high):
    """A network that cuts at three quarters of its range cuts at 0.75 of ours."""
    graph = Graph()
    limit = np.float32(low + 0.75 * (high - low))
    file = save(graph.model(graph.add("Min", "image", np.array([limit])), ModelCard("cut", value_range=(low, high))))
    assert np.allclose(Session(file).run(batch(1, 3, 8, 8)), np.minimum(batch(1, 3, 8, 8), 0.75), atol=1e-6)


def test_the_noise_level_is_on_the_scale_of_the_value_range(save):
    graph = Graph()
    told = graph.add("Add", "image", graph.sigma())
    file = save(graph.model(told, ModelCard("add", value_range=(-1, 1), takes_sigma=True)))
    assert np.allclose(Session(file).run(batch(1, 3, 8, 8), 0.1), batch(1, 3, 8, 8) + 0.1, atol=1e-6)


def test_a_network_for_one_picture_takes_batches(network):
    cells = batch(5, 1, 28, 28)
    assert np.allclose(Session(network("foreign-cell")).run(cells), cells * cell_gain(), atol=1e-6)


def test_bytes_do_as_well_as_a_file(network):
    assert Session(network("rgb").read_bytes()).card == Session(network("rgb")).card


# What a trial finds out about a network without a card


def test_a_trial_finds_what_a_network_needs(network):
    card = Session(network("foreign")).card
    assert (card.channels, card.size_multiple, card.min_size, card.receptive_field) == (3, 1, 1, 13)
    assert card.fixed_size is None
    assert card.value_range == (0, 1)
    assert "0 to 1 is assumed" in card.description
    assert card.name == "foreign"


def test_a_trial_finds_the_size_multiple_of_pooling(network):
    card = Session(network("foreign-pooling")).card
    assert (card.size_multiple, card.min_size, card.receptive_field) == (8, 8, 35)


@pytest.mark.parametrize("multiple", [2, 3, 5, 12, 16])
def test_a_trial_finds_other_multiples(save, multiple):
    graph = Graph()
    inner = graph.add("AveragePool", "image", kernel_shape=[multiple] * 2, strides=[multiple] * 2)
    inner = graph.add("Resize", inner, "", np.array([1, 1, multiple, multiple], np.float32), mode="nearest")
    card = Session(save(graph.model(graph.add("Add", "image", inner)))).card
    assert card.size_multiple == multiple


def test_a_trial_finds_the_channels_where_the_file_leaves_them_open(save):
    for channels in (1, 3):
        graph = Graph(channels=None)
        file = save(graph.model(graph.conv("image", channels, channels)))
        assert Session(file).card.channels == channels


def test_a_trial_finds_the_least_size(save):
    graph = Graph()
    padded = graph.add("Pad", "image", np.array([0, 0, 5, 5, 0, 0, 5, 5]), mode="reflect")
    weights = np.full((3, 3, 11, 11), 1e-3, np.float32)
    card = Session(save(graph.model(graph.add("Conv", padded, weights)))).card
    assert 6 <= card.min_size <= 8
    assert card.receptive_field == 11


def test_a_trial_sees_different_reach_along_the_two_axes(save):
    graph = Graph()
    weights = np.full((3, 3, 1, 9), 0.1, np.float32)
    file = save(graph.model(graph.add("Conv", "image", weights, pads=[0, 4, 0, 4])))
    assert Session(file).card.receptive_field == 9


def test_a_network_that_looks_at_everything_says_so(save):
    graph = Graph()
    mean = graph.add("ReduceMean", "image", axes=[2, 3])
    card = Session(save(graph.model(graph.add("Sub", "image", mean)))).card
    assert card.receptive_field > 400
    assert "may leave seams" in card.description


def test_a_fixed_size_is_read_from_the_graph(network):
    card = Session(network("foreign-cell")).card
    assert card.fixed_size == (28, 28)
    assert card.channels == 1


def test_a_card_given_saves_the_trial(network):
    card = replace(Session(network("foreign")).card, name="mine")
    assert Session(network("foreign"), card=card).card is card


# What is refused


def superresolution():
    graph = Graph()
    return graph.model(graph.add("Resize", "image", "", np.array([1, 1, 2, 2], np.float32), mode="nearest"))


def integers():
    return Graph(elements=TensorProto.UINT8).model("image")


def half_precision():
    return Graph(elements=TensorProto.FLOAT16).model("image")


def four_channels():
    return Graph(channels=4).model("image")


def channels_last():
    return Graph(channels=None, height=None, width=3).model("image")


def several_pictures():
    return Graph(batch=4).model("image")


def rank_three():
    graph = Graph()
    graph.inputs[:] = [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["C", "H", "W"])]
    return graph.model("image")


def two_pictures():
    graph = Graph()
    graph.inputs.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, graph.shape))
    return graph.model(graph.add("Add", "image", "other"))


def two_results():
    model = NETWORKS["foreign"]()
    model.graph.output.append(helper.make_tensor_value_info("t0", TensorProto.FLOAT, None))
    return model


def classifier():
    graph = Graph()
    return graph.model(graph.add("ReduceMean", "image", axes=[2, 3], keepdims=0))


def not_a_number():
    graph = Graph()
    return graph.model(graph.add("Div", "image", graph.add("Sub", "image", "image")))


def unknown_operator():
    graph = Graph()
    return graph.model(graph.add("Sparkle", "image"))


def foreign_operator():
    graph = Graph()
    model = graph.model(graph.add("Sparkle", "image", domain="my.own"))
    model.opset_import.append(helper.make_opsetid("my.own", 1))
    return model


def level_without_a_card():
    return strip_card(residual(ModelCard("told", takes_sigma=True), sigma=True))


def mask_without_a_card():
    return filling(None)


def mask_of_three_channels():
    graph = Graph()
    return graph.model(graph.add("Mul", "image", graph.mask(3)), ModelCard("three", takes_mask=True))


REFUSED = {
    superresolution: "into 1 x 3 x [0-9]+ x [0-9]+",
    integers: r"image as tensor\(uint8\)",
    half_precision: r"image as tensor\(float16\)",
    four_channels: "takes any x 4 x any x any",
    channels_last: "takes any x any x any x 3",
    several_pictures: "takes 4 x 3 x any x any",
    rank_three: "3 dimensions",
    two_pictures: r"has 2 inputs \(image, other\)",
    two_results: "2 outputs",
    classifier: "turns",
    not_a_number: "NaN or infinite",
    unknown_operator: "Sparkle",
    foreign_operator: "my.own",
    level_without_a_card: "no card",
    mask_without_a_card: "no card",
    mask_of_three_channels: "takes a mask of N x 3 x H x W",
}


@pytest.mark.parametrize("make", REFUSED, ids=lambda make: make.__name__)
def test_what_is_no_image_to_image_network_is_refused_with_the_reason(save, make):
    with pytest.raises(ModelError, match=REFUSED[make]) as caught:
        Session(save(make()))
    assert "model network" in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_a_truncated_file_is_refused(network, tmp_path):
    data = network("rgb").read_bytes()
    for part in (0.1, 0.5, 0.99):
        with pytest.raises(ModelError):
            Session(data[: int(len(data) * part)])


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.onnx", tmp_path):
        with pytest.raises(ModelError, match=str(path)):
            Session(path)


@pytest.mark.parametrize("location", ["../secret.bin", "secret.bin"])
def test_external_data_is_not_read_even_if_it_is_there(network, tmp_path, monkeypatch, location):
    """onnxruntime itself takes weights from the current folder for a model given as bytes."""
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    model = onnx.load(network("rgb"))
    weights = model.graph.initializer[0]
    (folder / location).write_bytes(weights.raw_data)
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value=location)
    (folder / "sly.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="another file"):
        Session(folder / "sly.onnx")


@pytest.mark.parametrize(
    "changes",
    [{"channels": 1}, {"takes_sigma": True}, {"takes_mask": True}, {"fixed_size": (28, 28), "channels": 1}],
)
def test_a_card_that_contradicts_its_network_is_refused(save, changes):
    model = NETWORKS["foreign"]()
    helper.set_model_props(model, {METADATA_KEY: replace(ModelCard("sly"), **changes).to_json()})
    with pytest.raises(ModelError, match="contradicts"):
        Session(save(model))


@pytest.mark.parametrize(
    "text", ["", "[]", '{"name": 3}', '{"name": "x", "channels": 2}', '{"name": "x", "value_range": 1}']
)
def test_a_broken_card_is_refused(save, text):
    model = NETWORKS["foreign"]()
    helper.set_model_props(model, {METADATA_KEY: text})
    with pytest.raises(ModelError, match="card"):
        Session(save(model))


def test_a_network_that_fails_in_the_middle_is_an_error_not_a_crash(network):
    with pytest.raises(ModelError, match="pooling failed"):
        Session(network("pooling")).run(batch(1, 3, 8, 12))


def test_nothing_is_printed(network, save):
    """Neither by what works nor by what fails, on the file descriptors that onnxruntime itself writes to."""
    files = [network("rgb"), network("foreign-pooling"), *(save(make(), make.__name__) for make in REFUSED)]
    program = (
        "import sys\nfrom pathlib import Path\nfrom denoise_ae.errors import ModelError\n"
        "from denoise_ae.modelfiles.session import Session\nfor word in sys.argv[1:]:\n"
        "    try:\n        Session(Path(word))\n"
        "    except ModelError:\n        pass\n"
    )
    done = subprocess.run([sys.executable, "-c", program, *files], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")


# Devices and threads


def test_auto_says_which_device_it_took(network):
    assert Session(network("rgb")).device in available_devices()


def test_cpu_is_always_there(network):
    assert Session(network("rgb"), device="cpu").device == "cpu"


@pytest.mark.parametrize("device", ["tpu", "CPU", ""])
def test_an_unknown_device_lists_what_there_is(network, device):
    with pytest.raises(DeviceError) as caught:
        Session(network("rgb"), device=device)
    assert "auto" in caught.value.hint
    assert "cpu" in caught.value.hint


def test_a_device_that_this_onnxruntime_lacks_is_an_error(network, monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(DeviceError, match="cuda"):
        Session(network("rgb"), device="cuda")
    assert Session(network("rgb")).device == "cpu"


def test_a_device_that_is_offered_but_does_not_start(network, monkeypatch):
    """As on a machine with onnxruntime-gpu and no GPU: onnxruntime quietly takes the CPU."""
    real = onnxruntime.InferenceSession

    def without_gpu(data, options, providers, **rest):
        return real(data, options, providers=["CPUExecutionProvider"], **rest)

    offered = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: offered)
    monkeypatch.setattr(onnxruntime, "InferenceSession", without_gpu)
    with pytest.raises(DeviceError, match="cuda can't be used"):
        Session(network("rgb"), device="cuda")
    assert Session(network("rgb")).device == "cpu"


@pytest.mark.parametrize("threads", [0, -1])
def test_no_threads_are_refused(network, threads):
    with pytest.raises(UsageError, match="threads"):
        Session(network("rgb"), threads=threads)


def test_threads_are_handed_on(network, monkeypatch):
    seen = []
    real = onnxruntime.InferenceSession

    def spy(data, options, **rest):
        seen.append(options.intra_op_num_threads)
        return real(data, options, **rest)

    monkeypatch.setattr(onnxruntime, "InferenceSession", spy)
    monkeypatch.setattr(session, "available_cpus", lambda: 3)
    Session(network("rgb"), threads=1)
    Session(network("rgb"))
    assert seen == [1, 3]


def test_nobody_is_told_what_is_done_here(tmp_path):
    """onnxruntime would keep a database of what it did in the user's folder, to send it to its makers."""
    out = tmp_path / "out.png"
    words = [sys.executable, "-m", "denoise_ae", "clean", str(SAMPLE), "-o", str(out), "--model", "digits"]
    # What would keep it silent anyway, as a build server's variables do, is left out; Windows needs some of its own.
    kept = {key: value for key, value in os.environ.items() if key in ("PATH", "SYSTEMROOT", "PYTHONPATH")}
    home = tmp_path / "home"
    home.mkdir()
    places = dict.fromkeys(("HOME", "USERPROFILE", "LOCALAPPDATA", "XDG_CACHE_HOME"), str(home))
    subprocess.run(words, env=kept | places, check=True, capture_output=True)
    assert out.exists()
    assert list(home.rglob("*")) == []
