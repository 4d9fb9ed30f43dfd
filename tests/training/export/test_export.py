"""Export: one ONNX file that says everything and agrees with torch, or no file at all."""

import json

import numpy as np
import onnx
import pytest
from small_runs import NETWORKS, save_checkpoint

torch = pytest.importorskip("torch")

from denoise_ae.errors import DenoiseError, OutputError, TrainingError
from denoise_ae.modelfiles.card import METADATA_KEY, ModelCard
from denoise_ae.modelfiles.session import Session
from denoise_ae.training.export import export as exporting
from denoise_ae.training.networks.build import build
from denoise_ae.training.recipes.recipe import NetworkRecipe


def save_changed(path, change):
    """Write a conv network's checkpoint after changing its weights in place."""
    raw = torch.load(save_checkpoint(path, NETWORKS["conv"]), weights_only=True)
    change(raw["state_dict"])
    torch.save(raw, path)
    return path


@pytest.fixture(params=NETWORKS, scope="module")
def exported(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    checkpoint = save_checkpoint(folder / "a.ckpt", NETWORKS[request.param])
    card = exporting.export(checkpoint, folder / "mine.onnx", measured={"on a set": 30.126})
    return request.param, card, folder / "mine.onnx"


def test_one_file_with_dynamic_sizes_and_no_external_data(exported):
    name, card, path = exported
    assert sorted(p.name for p in path.parent.iterdir()) == ["a.ckpt", "mine.json", "mine.onnx"]
    model = onnx.load(path, load_external_data=False)
    onnx.checker.check_model(model, full_check=True)
    assert all(t.data_location == onnx.TensorProto.DEFAULT for t in model.graph.initializer)
    has_code = name in ("dense", "conv", "vae")
    condition = ["mask"] if card.takes_mask else ["sigma"] if card.takes_sigma else ["given_code"] if has_code else []
    condition += ["largest_sigma"] if card.estimates_sigma else []
    assert [i.name for i in model.graph.input] == ["image", *condition]
    outputs = {"unet-estimator": ["clean", "noise_level"]}.get(name, ["clean", *["code", "decoded"] * has_code])
    assert [o.name for o in model.graph.output] == outputs
    for value in (model.graph.input[0], model.graph.output[0]):
        batch, channels, height, width = value.type.tensor_type.shape.dim
        assert batch.dim_param and channels.dim_value == card.channels
        if name.startswith("unet"):
            assert (height.dim_param, width.dim_param) == ("height", "width")
        else:
            assert (height.dim_value, width.dim_value) == card.fixed_size == (28, 28)


def test_the_card_says_what_a_caller_must_know(exported):
    name, card, path = exported
    stored = ModelCard.from_json(path.with_suffix(".json").read_text())
    assert stored == card
    inside = {p.key: p.value for p in onnx.load(path).metadata_props}[METADATA_KEY]
    assert ModelCard.from_json(inside).with_checksum(card.sha256) == card
    assert card.takes_mask == (name == "unet-mask")
    assert card.takes_sigma == (name.startswith("unet") and not card.takes_mask)
    assert card.sigma_range == (None if card.takes_mask else (5, 50))
    assert card.psnr == {"validation": 31.23, "on a set": 30.13}
    assert (card.data, card.license) == ("nothing", "free")
    assert card.versions["torch"] == torch.__version__
    assert (card.latent, card.variational) == {"dense": (64, False), "conv": (64, False), "vae": (5, True)}.get(
        name, (0, False)
    )
    assert card.parameters > 1000 and card.kmac_per_pixel > 0 and card.receptive_field > 20


def test_nothing_of_the_machine_gets_into_the_file(exported):
    """The exporter notes source paths and stack traces; users' folders are no one's business either."""
    _, _, path = exported
    data = path.read_bytes()
    for word in (b"/a/private", b"site-packages", b"networks.py", b".py"):
        assert word not in data


def test_onnxruntime_agrees_with_torch_through_the_session(exported):
    name, card, path = exported
    torch.manual_seed(0)
    network = build(NetworkRecipe.model_validate(NETWORKS[name])).eval()
    session = Session(path.read_bytes(), name="mine")
    assert session.card.receptive_field == network.receptive_field
    height, width = card.fixed_size or (24, 40)
    image = np.random.default_rng(0).random((3, card.channels, height, width), dtype=np.float32)
    condition = torch.full((3, 1, 1, 1), 0.1)
    if card.takes_mask:
        condition = (torch.from_numpy(image[:, :1]) < 0.3).float()
    with torch.no_grad():
        expected = network(torch.from_numpy(image), condition).numpy()
    if card.takes_mask:
        found = session.fill(image, condition.numpy())
        assert (found == image).all(axis=1, keepdims=True)[condition.numpy() == 0].all()
    else:
        found = session.run(image, 0.1 if card.takes_sigma else None)
    assert np.abs(found - expected).max() < 1e-4
    if card.latent:
        with torch.no_grad():
            codes = network.encode(torch.from_numpy(image)).numpy()
            decoded = network.decode(torch.from_numpy(codes[:2])).numpy()
        assert np.abs(session.encode(image) - codes).max() < 1e-4
        assert np.abs(session.decode(codes[:2]) - decoded).max() < 1e-4
        assert np.abs(session.decode(codes) - found).max() < 1e-5


def test_disagreement_is_refused_and_nothing_is_written(tmp_path, monkeypatch):
    checkpoint = save_checkpoint(tmp_path / "a.ckpt", NETWORKS["unet"])
    make = exporting.to_onnx

    def broken(network, card):
        model = onnx.load_from_string(make(network, card))
        weights = max(model.graph.initializer, key=lambda t: len(t.raw_data))
        values = onnx.numpy_helper.to_array(weights) * 1.01
        weights.CopyFrom(onnx.numpy_helper.from_array(values, weights.name))
        return model.SerializeToString()

    monkeypatch.setattr(exporting, "to_onnx", broken)
    with pytest.raises(TrainingError, match="differ"):
        exporting.export(checkpoint, tmp_path / "out.onnx")
    assert not list(tmp_path.glob("out*"))


def test_nan_weights_are_refused(tmp_path):
    checkpoint = save_changed(tmp_path / "a.ckpt", lambda weights: weights["network.out.bias"].fill_(float("nan")))
    with pytest.raises(DenoiseError, match="NaN or infinite"):
        exporting.export(checkpoint, tmp_path / "out.onnx")
    assert not list(tmp_path.glob("out*"))


def test_weights_that_do_not_fit_the_recipe(tmp_path):
    checkpoint = save_changed(tmp_path / "a.ckpt", lambda weights: weights.pop("network.out.bias"))
    with pytest.raises(TrainingError, match="do not fit"):
        exporting.export(checkpoint, tmp_path / "out.onnx")


def test_existing_files_stay_unless_told_otherwise(tmp_path):
    checkpoint = save_checkpoint(tmp_path / "a.ckpt", NETWORKS["dense"])
    (tmp_path / "out.onnx").write_text("mine")
    with pytest.raises(OutputError):
        exporting.export(checkpoint, tmp_path / "out.onnx")
    assert (tmp_path / "out.onnx").read_text() == "mine"
    exporting.export(checkpoint, tmp_path / "out.onnx", overwrite=True)
    assert json.loads((tmp_path / "out.json").read_text())["name"] == "mine"
