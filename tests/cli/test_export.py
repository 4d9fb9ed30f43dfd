"""``export --int8`` as a user types it, from a model and from a checkpoint; the rest is in ``test_train``."""

import json

import numpy as np
import onnx
import pytest
from PIL import Image

pytest.importorskip("torch")

from small_runs import NETWORKS, blocks, save_checkpoint, smooth

from denoise_ae.errors import ModelError
from denoise_ae.imagefiles import images
from denoise_ae.modelfiles.card import METADATA_KEY
from denoise_ae.modelfiles.session import Session


@pytest.fixture
def model(place):
    """A model and, in a folder, pictures for it."""
    (place / "pictures").mkdir()
    for number in range(2):
        Image.fromarray(smooth(256, 384, number)).save(place / "pictures" / f"{number}.png")
    path = place / "mine.onnx"
    path.write_bytes(blocks().SerializeToString())
    return path


def test_a_model_becomes_its_int8_twin_and_cleans(run, model, place):
    status, out, err = run("export", model, "--int8", "--calibration", "pictures")
    assert (status, out) == (0, ""), err
    card = json.loads((place / "mine-int8.json").read_text())
    assert card["name"] == "blocks-int8" and "int8" in card["network"]
    assert f"int8 loses {card['psnr']['lost by int8']:.2f} dB" in err
    assert "mine-int8.onnx" in err
    Image.fromarray(smooth(70, 90)).save("noisy.png")
    status, _, err = run("clean", "noisy.png", "-o", "clean.png", "--model", "mine-int8.onnx", "--sigma", "20")
    assert status == 0, err
    cleaned = images.read_image(place / "clean.png").pixels
    assert cleaned.shape == (70, 90, 3)
    assert not np.array_equal(cleaned, smooth(70, 90))


def test_a_checkpoint_becomes_an_int8_model(run, model, place):
    save_checkpoint(place / "a.ckpt", NETWORKS["unet"])
    words = ["export", "a.ckpt", "--int8", "--calibration", "pictures", "--quiet"]
    status, out, err = run(*words)
    assert (status, out, err) == (0, "", "")
    card = json.loads((place / "mine-int8.json").read_text())
    assert card["psnr"].keys() == {"lost by int8", "in float32: validation"}
    assert {path.name for path in place.iterdir()} == {
        *("a.ckpt", "mine.onnx", "pictures"),
        *("mine-int8.onnx", "mine-int8.json"),
    }


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["mine.onnx", "--int8"], 2, "--calibration"),
        (["mine.onnx", "--calibration", "pictures"], 2, "--int8"),
        (["mine.onnx", "--keep", "ends"], 2, "--int8"),
        (["mine.onnx"], 1, "an input itself"),
        (["mine.onnx", "-o", "new.onnx"], 1, "does not hold the recipe"),
        (["mine.onnx", "--int8", "--calibration", "nowhere"], 1, "nowhere: no such folder"),
        (["mine.onnx", "--int8", "--calibration", "empty"], 1, "empty: not enough pictures"),
        (["mine.onnx", "--int8", "--calibration", "pictures", "-o", "out.pt"], 2, "out.onnx"),
        (["mine.onnx", "--int8", "--calibration", "pictures", "--keep", "guess"], 2, "guess"),
        (["absent.onnx", "--int8", "--calibration", "pictures"], 1, "absent.onnx"),
        (["--int8", "--calibration", "pictures"], 1, "no run"),
    ],
)
def test_bad_words_are_one_line_and_a_hint(words, status, message, run, model, place):
    (place / "empty").mkdir()
    before = set(place.iterdir())
    ended, out, err = run("export", *words)
    assert (ended, out) == (status, ""), err
    assert message in err and "Traceback" not in err
    assert set(place.iterdir()) == before


def test_a_model_is_exported_again_from_its_own_file(run, place):
    """As one from before there were codes: it gets them, and cleans as before."""
    checkpoint = save_checkpoint(place / "a.ckpt", NETWORKS["conv"])
    assert run("export", checkpoint, "-o", "new.onnx", "--name", "mine")[0] == 0
    model = onnx.load(place / "new.onnx")
    entries = {entry.key: entry.value for entry in model.metadata_props}
    card = json.loads(entries[METADATA_KEY])
    del card["latent"], card["variational"]
    card["psnr"]["on a set"] = 30.0
    onnx.helper.set_model_props(model, entries | {METADATA_KEY: json.dumps(card)})
    kept = [node for node in model.graph.node if not set(node.output) & later(model, "given_code")]
    del model.graph.node[:], model.graph.output[1:], model.graph.input[1:]
    model.graph.node.extend(kept)
    onnx.save(model, place / "old.onnx")

    pictures = np.random.default_rng(0).random((5, 1, 28, 28), dtype=np.float32)
    old = Session(place / "old.onnx")
    assert not old.card.latent
    with pytest.raises(ModelError, match="its file holds none"):
        old.encode(pictures)
    status, _, err = run("export", "old.onnx", "-o", "again.onnx")
    assert status == 0, err
    again = Session(place / "again.onnx")
    assert np.array_equal(again.run(pictures), old.run(pictures))
    assert np.abs(again.decode(again.encode(pictures)) - old.run(pictures)).max() < 1e-5
    assert again.card.psnr == card["psnr"] and again.card.latent == 64
    assert (place / "again.onnx").read_bytes() != (place / "old.onnx").read_bytes()


def later(model, name):
    """Names of all tensors that depend on one."""
    found = {name}
    for node in model.graph.node:
        if set(node.input) & found:
            found |= set(node.output)
    return found
