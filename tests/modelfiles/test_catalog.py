"""How a name becomes a file: shipped models, the user's own, any file."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper
from tiny import NETWORKS

from denoise_ae.errors import ModelError, OutputError
from denoise_ae.modelfiles import catalog
from denoise_ae.modelfiles.card import METADATA_KEY, ModelCard


def install(folder: Path, file: Path, name: str) -> None:
    """Put a model and its card where a release would."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, folder / f"{name}.onnx")
    card = ModelCard(name, channels=3, receptive_field=13, sha256=catalog.checksum(file))
    (folder / f"{name}.json").write_text(card.to_json(), encoding="utf-8")


@pytest.fixture
def shipped(tmp_path, monkeypatch, network) -> Path:
    """An installed package with two models in its index."""
    package = tmp_path / "site-packages" / "denoise_ae"
    folder = package / "models"
    for name in ("photo", "digits"):
        install(folder, network("rgb"), name)
    (folder / "index.json").write_text(json.dumps({"project": "denoise-ae", "models": ["photo", "digits"]}))
    monkeypatch.setattr(catalog, "__file__", str(package / "modelfiles" / "catalog.py"))
    return folder


# What comes with the package


def test_the_index_of_the_project_names_the_default_model():
    index = json.loads((Path(__file__).parents[2] / "models" / "index.json").read_text(encoding="utf-8"))
    assert index["default"] == catalog.DEFAULT_MODEL
    assert index["default"] in index["models"]
    assert catalog.shipped_folder().name == "models"


def test_each_model_here_is_what_its_card_says():
    for model in catalog.models():
        assert model.origin == "shipped"
        embedded = {entry.key: entry.value for entry in onnx.load_from_string(model.read()).metadata_props}[
            METADATA_KEY
        ]
        # PSNR can be measured only once the file is there, so the card beside it may know more.
        assert ModelCard.from_json(embedded) == replace(model.card, sha256="", psnr=ModelCard.from_json(embedded).psnr)


def test_shipped_models_come_in_the_order_of_the_index_before_the_users(shipped, network):
    catalog.add(network("foreign"), "a-first")
    assert [(model.card.name, model.origin) for model in catalog.models()] == [
        ("photo", "shipped"),
        ("digits", "shipped"),
        ("a-first", "user"),
    ]


def test_a_models_folder_of_somebody_else_beside_the_package_is_left_alone(shipped, network):
    package = shipped.parent
    foreign = package.parent / "models"
    shutil.move(shipped, foreign)
    assert catalog.shipped_folder() == foreign, "a checkout"
    for text in ('{"models": ["photo"]}', "[]", "", '{"project": "other", "models": ["photo"]}'):
        (foreign / "index.json").write_text(text)
        with pytest.raises(ModelError, match="missing"):
            catalog.models()


def test_a_damaged_model_is_refused(shipped):
    found = catalog.find("photo")
    assert hashlib.sha256(found.read()).hexdigest() == found.card.sha256
    data = bytearray(found.path.read_bytes())
    data[-100] ^= 1
    found.path.write_bytes(data)
    with pytest.raises(ModelError, match=r"photo is damaged.*photo\.onnx"):
        catalog.find("photo").read()


def test_a_card_without_a_checksum_vouches_for_nothing(shipped):
    (shipped / "photo.json").write_text(ModelCard("photo").to_json())
    with pytest.raises(ModelError, match="damaged"):
        catalog.find("photo").read()


def test_a_model_that_is_not_trained_yet_is_not_listed_and_named_when_asked_for(shipped):
    (shipped / "digits.onnx").unlink()
    (shipped / "digits.json").unlink()
    assert [model.card.name for model in catalog.models()] == ["photo"]
    with pytest.raises(ModelError, match=r"digits\.json"):
        catalog.find("digits")


# Finding


def test_a_name_is_found(shipped, network):
    assert catalog.find("digits").path == shipped / "digits.onnx"
    catalog.add(network("foreign"), "mine")
    assert catalog.find("mine").origin == "user"


def test_an_unknown_name_gives_close_matches(shipped):
    with pytest.raises(ModelError, match="no model named photos") as caught:
        catalog.find("photos")
    assert "did you mean photo?" in caught.value.hint


def test_a_name_like_no_other_gives_all_names(shipped):
    with pytest.raises(ModelError) as caught:
        catalog.find("xyz")
    assert "photo, digits" in caught.value.hint


@pytest.mark.parametrize("name", ["../photo", "photo.onnx", "photo.ONNX", "./photo", ".."])
def test_a_path_is_no_name(shipped, name):
    with pytest.raises(ModelError):
        catalog.find(name)


def test_a_file_is_tried_out(shipped, network):
    for word in (network("foreign"), str(network("foreign"))):
        found = catalog.find(word)
        assert (found.origin, found.path) == ("file", network("foreign"))
        assert found.card.receptive_field == 13
        assert found.read() == network("foreign").read_bytes()


@pytest.mark.parametrize("name", ["é 漢字 🙂.onnx", "-leading.onnx", "a" * 200 + ".onnx"])
def test_odd_file_names_work(shipped, network, tmp_path, name):
    shutil.copy(network("rgb"), tmp_path / name)
    assert catalog.find(tmp_path / name).card.name == "rgb"


# Adding


def test_an_added_model_is_a_copy_with_its_card(shipped, network, tmp_path, home):
    source = tmp_path / "source.onnx"
    shutil.copy(network("foreign"), source)
    added = catalog.add(source, "mine")
    source.unlink()
    assert added == catalog.find("mine")
    assert added.path == home / "models" / "mine.onnx"
    assert added.read() == network("foreign").read_bytes()
    assert (added.card.name, added.card.receptive_field) == ("mine", 13)
    assert "0 to 1 is assumed" in added.card.description
    assert sorted(path.name for path in added.path.parent.iterdir()) == ["mine.json", "mine.onnx"]


def test_the_name_is_the_cards_or_else_the_files(shipped, network):
    assert catalog.add(network("rgb")).card.name == "rgb"
    assert catalog.add(network("foreign-pooling")).card.name == "foreign-pooling"


@pytest.mark.parametrize("name", ["photo", "Photo", "mine", "MINE"])
def test_a_name_that_is_taken_is_refused(shipped, network, name):
    before = catalog.add(network("rgb"), "mine").path.read_bytes()
    with pytest.raises(ModelError, match="already") as caught:
        catalog.add(network("foreign"), name)
    assert "--name" in caught.value.hint
    assert catalog.find("mine").path.read_bytes() == before
    assert len(catalog.models()) == 3


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "a\\b", "x.onnx", "-x", "a b", "ä", "x\n", "x" * 65, "\0"]
)
def test_what_can_be_no_name_is_refused(shipped, network, home, name):
    with pytest.raises(ModelError, match="name"):
        catalog.add(network("rgb"), name)
    assert not (home / "models").exists()


def test_what_is_no_model_is_not_added(shipped, network, tmp_path, home, save):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(network("rgb").read_bytes()[:500])
    model = NETWORKS["foreign"]()
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL
    for file in (broken, tmp_path / "none.onnx", tmp_path, save(model)):
        with pytest.raises(ModelError):
            catalog.add(file, "mine")
    assert not (home / "models").exists()


def test_what_is_left_of_a_try_that_was_cut_short_is_in_nobodys_way(shipped, network, home):
    (home / "models").mkdir()
    (home / "models" / "mine.onnx").write_bytes(b"half")
    assert len(catalog.models()) == 2
    assert catalog.add(network("rgb"), "mine").read() == network("rgb").read_bytes()


def test_a_folder_that_cannot_be_made_is_an_output_error(shipped, network, home):
    home.rmdir()
    home.write_text("a file")
    with pytest.raises(OutputError, match="models"):
        catalog.add(network("rgb"), "mine")


def test_a_broken_card_of_the_users_is_named_and_hides_no_shipped_model(shipped, network, home):
    (home / "models").mkdir()
    (home / "models" / "mine.json").write_text("{")
    assert catalog.find("photo").card.name == "photo"
    for look in (catalog.models, lambda: catalog.find("mine")):
        with pytest.raises(ModelError, match=r"mine\.json"):
            look()


def test_the_platforms_data_folder_is_used_without_our_variable(monkeypatch, tmp_path):
    monkeypatch.delenv("DENOISE_AE_HOME")
    monkeypatch.setattr("platformdirs.user_data_path", lambda name, appauthor: tmp_path / name)
    assert catalog.user_folder() == tmp_path / "denoise-ae" / "models"


def test_metadata_of_others_is_no_card(shipped, save):
    model = NETWORKS["foreign"]()
    helper.set_model_props(model, {"author": "somebody"})
    assert catalog.add(save(model, "other")).card.name == "other"
