"""Training that starts from a model: its very weights, its recipe but gentler, and no other network."""

import csv
import hashlib
import os

import numpy as np
import onnx
import pytest
import tomli_w

torch = pytest.importorskip("torch")

from idx_files import write_mnist
from PIL import Image
from small_runs import CPU, NETWORKS, StopAt, save_checkpoint

from denoise_ae.errors import DenoiseError, ModelError, TrainingError, UsageError
from denoise_ae.modelfiles import catalog
from denoise_ae.training.export.export import export
from denoise_ae.training.fitting.callbacks import TrainingInterruptedError
from denoise_ae.training.fitting.checkpoint import find_checkpoint, load_checkpoint
from denoise_ae.training.fitting.fit import fit
from denoise_ae.training.fitting.plan import make_plan
from denoise_ae.training.fitting.pretrained import RECIPE_KEY, load_pretrained, with_recipe
from denoise_ae.training.networks.build import build
from denoise_ae.training.recipes.defaults import assemble
from denoise_ae.training.recipes.recipe import NetworkRecipe, Recipe
from denoise_ae.training.recipes.recipe_file import parse_recipe, read_recipe

UNET = {"type": "unet", "widths": [8, 16, 16], "blocks": [1, 1, 1]}

SMALL = {"type": "conv", "widths": [8, 8, 8], "latent": 16, "skip": True}


def digits_recipe(**training):
    """Some epochs of five steps, with a moving average to restore."""
    values = {"epochs": 2, "steps_per_epoch": 5, "learning_rate": 5e-3, "ema": 0.9, "stages": [{"batch": 16}]}
    return Recipe.model_validate(
        {
            "name": "small",
            "data_source": "look-alikes",
            "data_license": "free for research",
            "network": SMALL,
            "data": {"limit": 200},
            "noise": [{"type": "uniform", "level": [20, 90]}],
            "training": values | training,
        }
    )


@pytest.fixture(scope="module")
def mnist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mnist")
    write_mnist(folder)
    return folder


@pytest.fixture(scope="module")
def trained(mnist, tmp_path_factory):
    """A run and the model that was exported from it."""
    folder = tmp_path_factory.mktemp("trained")
    fit(make_plan(digits_recipe()), [mnist], folder / "run", hardware=CPU)
    export(find_checkpoint(folder / "run"), folder / "small.onnx")
    return folder


def further(trained, **training):
    """Return the model and the recipe that the command line makes for training it further."""
    source = load_pretrained(str(trained / "small.onnx"))
    flags = {"data.limit": 200, "training.epochs": 2} | {f"training.{key}": value for key, value in training.items()}
    return source, assemble(None, [], flags, start=source.recipe)


def psnrs(run):
    return [float(row["val_psnr"]) for row in csv.DictReader((run / "metrics.csv").open())]


def same(weights, others):
    return weights.keys() == others.keys() and all(torch.equal(weights[name], others[name]) for name in weights)


# The weights


@pytest.mark.parametrize("name", ["unet-estimator", "dense"])
def test_an_onnx_file_gives_back_each_weight_bit_for_bit(tmp_path, name):
    checkpoint = save_checkpoint(tmp_path / "a.ckpt", NETWORKS[name])
    export(checkpoint, tmp_path / "a.onnx")
    found = load_pretrained(str(tmp_path / "a.onnx"))
    assert same(found.weights, load_checkpoint(checkpoint).network().state_dict())


def test_a_name_a_file_a_checkpoint_and_a_run_mean_the_same(trained):
    best, file = find_checkpoint(trained / "run"), trained / "small.onnx"
    catalog.add(file, "my-small")
    for word, read in (("my-small", file), (file, file), (best, best), (trained / "run", best)):
        found = load_pretrained(str(word))
        assert same(found.weights, load_checkpoint(best).network().state_dict())
        assert found.recipe.model_copy(update={"origin": ""}) == digits_recipe()
        assert hashlib.sha256(read.read_bytes()).hexdigest() in found.recipe.origin
        assert "/" not in found.recipe.origin, "folders are no one's business"


def test_training_starts_from_the_models_weights_and_psnr(trained, mnist, tmp_path):
    """Steps of no size leave the weights alone, so that the first epoch shows what training started from."""
    source, recipe = further(trained, learning_rate=1e-30, epochs=1)
    fit(make_plan(recipe, source), [mnist], tmp_path / "run", hardware=CPU)
    assert same(load_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt").weights, source.weights)
    assert psnrs(tmp_path / "run") == pytest.approx([max(psnrs(trained / "run"))], abs=1e-4)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send to one process")
def test_a_run_that_started_from_a_model_resumes_exactly_and_without_it(trained, mnist, tmp_path):
    source, recipe = further(trained, steps_per_epoch=12, epochs=1)
    fit(make_plan(recipe, source), [mnist], tmp_path / "whole", hardware=CPU)
    with pytest.raises(TrainingInterruptedError):
        fit(make_plan(recipe, source), [mnist], tmp_path / "cut", hardware=CPU, observer=StopAt(10))
    last = find_checkpoint(tmp_path / "cut", "last")
    stopped = load_checkpoint(last)
    assert stopped.step == 10 and stopped.recipe.origin == source.recipe.origin
    fit(make_plan(stopped.recipe), stopped.folders, tmp_path / "cut", resume=last, hardware=CPU)
    whole = load_checkpoint(find_checkpoint(tmp_path / "whole", "last"))
    assert same(load_checkpoint(last).weights, whole.weights)
    again = load_pretrained(str(tmp_path / "whole")).recipe.origin
    assert again.startswith("small-tuned at step") and again.endswith(f", from {source.recipe.origin}")


def test_an_estimator_of_other_widths_starts_fresh(tmp_path):
    source = load_pretrained(str(save_checkpoint(tmp_path / "a.ckpt", {**UNET, "estimator": True})))
    (tmp_path / "narrow.toml").write_text("[network]\nestimator_widths = [4, 6]\n")
    wanted = assemble(tmp_path / "narrow.toml", [], {}, start=source.recipe).network
    assert wanted.estimator_widths == (4, 6)
    network = build(wanted)
    fresh = source.fresh(network)
    assert set(fresh) == {name for name in source.weights if name.startswith("estimator.")}
    source.load_into(network)
    state = network.state_dict()
    assert state["estimator.fine.weight"].shape == (4, 4, 3, 3)
    assert all(torch.equal(state[name], weight) for name, weight in source.weights.items() if name not in fresh)


def test_an_estimator_that_the_model_lacks_starts_fresh(tmp_path):
    source = load_pretrained(str(save_checkpoint(tmp_path / "a.ckpt", UNET)))
    wanted = NetworkRecipe.model_validate(UNET | {"estimator": True})
    torch.manual_seed(1)
    model = build(wanted)
    fresh = source.fresh(model)
    assert fresh and all(name.startswith("estimator.") for name in fresh)
    drawn = {name: weight.clone() for name, weight in model.state_dict().items()}
    source.load_into(model)
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, drawn[name] if name in fresh else source.weights[name])
    full = load_pretrained(str(save_checkpoint(tmp_path / "b.ckpt", UNET | {"estimator": True})))
    assert full.fresh(model) == []
    with pytest.raises(TrainingError, match=fresh[0]):
        full.fresh(build(source.recipe.network))


def test_blocks_that_the_model_lacks_change_nothing_at_first(tmp_path):
    source = load_pretrained(str(save_checkpoint(tmp_path / "a.ckpt", UNET)))
    before, deeper = build(source.recipe.network), NetworkRecipe.model_validate(UNET | {"blocks": [2, 1, 3]})
    source.load_into(before)
    after = build(deeper)
    assert len(source.fresh(after)) == 2 * (2 + 2)  # two convolutions; at the finest scale on the way down and up
    source.load_into(after)
    picture, level = torch.rand(1, 3, 32, 32), torch.full((1, 1, 1, 1), 0.1)
    with torch.no_grad():
        assert torch.equal(before(picture, level), after(picture, level))
        assert after.middle[2].conv1.weight.abs().min() > 0  # else nothing would ever be learnt
    (tmp_path / "deeper.toml").write_text("[network]\nblocks = [2, 1, 3]")
    recipe = assemble(tmp_path / "deeper.toml", [], {}, start=source.recipe)
    assert recipe.network == deeper


def test_a_smaller_network_does_without_a_models_last_blocks(tmp_path):
    network = {"type": "unet", "widths": [8, 16, 16], "blocks": [2, 1, 3]}
    source = load_pretrained(str(save_checkpoint(tmp_path / "a.ckpt", network)))
    (tmp_path / "smaller.toml").write_text("[network]\nblocks = [1, 1, 2]\nencoder_blocks = [0, 1]")
    smaller = assemble(tmp_path / "smaller.toml", [], {}, start=source.recipe).network
    assert (smaller.blocks, smaller.encoder_blocks) == ((1, 1, 2), (0, 1))
    before, after = build(source.recipe.network), build(smaller)
    assert source.fresh(after) == []
    gone = ["encoder.0.0", "encoder.0.1", "middle.2", "decoder.0.1"]
    assert source.left_out(after) == [f"{block}.conv{n}.weight" for block in gone for n in (1, 2)]
    source.load_into(before)
    source.load_into(after)
    for block in (*before.encoder[0], before.middle[2], before.decoder[0][1]):
        torch.nn.init.zeros_(block.conv2.weight)  # a block that corrects nothing, as if it were not there
    picture, level = torch.rand(1, 3, 32, 32), torch.full((1, 1, 1, 1), 0.1)
    with torch.no_grad():
        assert torch.equal(before(picture, level), after(picture, level))


def test_weights_of_another_width_or_head_are_refused(tmp_path):
    source = load_pretrained(str(save_checkpoint(tmp_path / "a.ckpt", UNET)))
    with pytest.raises(TrainingError, match=r"head.weight is \(8, 4, 6, 6\), not \(8, 2, 6, 6\)"):
        source.fresh(build(NetworkRecipe.model_validate(UNET | {"channels": 1})))


# The recipe


def test_the_recipe_is_the_models_but_gentler_and_shorter(trained):
    source = load_pretrained(str(trained / "small.onnx"))
    recipe = assemble(None, [], {}, start=source.recipe)
    model = digits_recipe()
    assert (recipe.network, recipe.noise, recipe.data.kind) == (model.network, model.noise, "mnist")
    assert recipe.training.learning_rate == pytest.approx(model.training.learning_rate / 5)
    assert (recipe.training.epochs, recipe.training.stages) == (5, model.training.stages)
    assert (recipe.name, recipe.data.limit, recipe.origin) == ("small-tuned", 0, source.recipe.origin)
    assert recipe.data_source == "MNIST; before that: look-alikes"
    assert recipe.data_license == "free for research"


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for i in range(4):
        pixels = np.random.default_rng(i).integers(0, 256, (8, 8, 3)).astype(np.uint8)
        Image.fromarray(pixels).resize((64, 64)).save(folder / f"{i}.png")
    return folder


@pytest.mark.parametrize("estimator", [False, True])
def test_a_teacher_is_the_target(photos, tmp_path, estimator):
    """Who begins as its teacher has nothing to learn from it, but much from clean pictures; a smaller network has."""
    teacher = save_checkpoint(tmp_path / "teacher.ckpt", {**UNET, "estimator": estimator})
    start = load_pretrained(str(teacher))
    moved = {}
    for name in (str(teacher), ""):
        recipe = Recipe.model_validate(
            {
                "network": {**UNET, "estimator": estimator},
                "data": {"kind": "photos", "gray": 0.3},
                "noise": [{"level": [5, 50]}],
                "training": {
                    "epochs": 1,
                    "steps_per_epoch": 4,
                    "teacher": name,
                    "part": "denoiser" if estimator else "all",
                    "optimizer": "sgd",
                    "learning_rate": 1e-3,
                    "stages": [{"patch": 32, "batch": 4}],
                },
            }
        )
        run = tmp_path / f"run{bool(name)}"
        fit(make_plan(recipe, start), [photos], run, hardware=CPU)
        weights = load_checkpoint(run / "checkpoints" / "last.ckpt").weights
        moved[bool(name)] = max(float((weights[key] - start.weights[key]).abs().max()) for key in weights)
    assert moved[False] > 1e-6 and moved[True] < moved[False] / 100, moved
    card = export(tmp_path / "runTrue" / "checkpoints" / "last.ckpt", tmp_path / "taught.onnx")
    assert "taught by teacher" in card.recipe
    assert str(tmp_path).encode() not in (tmp_path / "taught.onnx").read_bytes()
    assert load_pretrained(str(tmp_path / "taught.onnx")).recipe.training.teacher == "teacher"


def test_a_teacher_must_be_told_the_same(photos, tmp_path):
    teacher = save_checkpoint(tmp_path / "teacher.ckpt", {**UNET, "estimator": True})
    recipe = Recipe.model_validate(
        {
            "network": UNET,
            "data": {"kind": "photos"},
            "training": {"teacher": str(teacher), "stages": [{"patch": 32, "batch": 4}]},
        }
    )
    with pytest.raises(TrainingError, match="can't teach"):
        fit(make_plan(recipe), [photos], tmp_path / "run", hardware=CPU)
    with pytest.raises(ValueError, match="teacher is for a unet"):
        Recipe.model_validate({"training": {"teacher": str(teacher)}})


@pytest.mark.parametrize("leg", [{"part": "estimator"}, {"part": "denoiser"}, {"teacher": "photo-gaussian"}])
def test_all_of_a_model_is_trained_further_whose_last_leg_was_for_a_part_of_it(leg, tmp_path):
    start = load_pretrained(str(save_checkpoint(tmp_path / "a.ckpt", {**UNET, "estimator": True}))).recipe
    last = start.model_copy(update={"training": start.training.model_copy(update=leg)})
    training = assemble(None, [], {}, start=last).training
    assert (training.part, training.teacher) == ("all", "")
    (tmp_path / "again.toml").write_text('[training]\npart = "estimator"')
    assert assemble(tmp_path / "again.toml", [], {}, start=last).training.part == "estimator"


def test_flags_and_a_recipe_file_override_it(trained, tmp_path):
    source = load_pretrained(str(trained / "small.onnx"))
    file = tmp_path / "mine.toml"
    file.write_text(
        'data_source = "scans"\ndata_license = "mine"\n[network]\nlatent = 16\n'
        "[[noise]]\nlevel = 5\n[training]\nepochs = 7\nlearning_rate = 1e-4"
    )
    recipe = assemble(file, [], {"training.epochs": 8, "training.batch": 3}, start=source.recipe)
    assert (recipe.training.epochs, recipe.training.learning_rate) == (8, 1e-4)
    assert [kind.level for kind in recipe.noise] == [(5, 5)]
    assert recipe.training.steps_per_epoch == 5 and recipe.training.stages[0].batch == 3
    assert recipe.data_source == "scans; before that: look-alikes"
    assert recipe.data_license == "mine; free for research"
    assert assemble(None, [], {}, "0.1", "gaussian", start=source.recipe).noise[0].level == (25.5, 25.5)


@pytest.mark.parametrize(
    ("text", "flags", "word"),
    [
        ("[network]\nlatent = 8", {}, "network.latent is 8, but"),
        ("[network]\nskip = false", {}, "network.skip is False, but"),
        ("[network]\nwidths = [8, 8, 16]", {}, "network.widths is"),
        ("", {"network.type": "unet"}, "network.type is unet, but"),
        ("network = 3", {}, "network"),
        ("[network]\nlatents = 8", {}, "network.latents: unknown key"),
        ('[data]\nkind = "photos"', {}, "photographs are for the unet"),
    ],
)
def test_another_network_is_refused(trained, tmp_path, text, flags, word):
    source = load_pretrained(str(trained / "small.onnx"))
    (tmp_path / "other.toml").write_text(text)
    with pytest.raises(UsageError) as error:
        assemble(tmp_path / "other.toml", [], flags, start=source.recipe)
    assert word in error.value.message and error.value.hint


def test_a_runs_recipe_does_not_claim_weights_that_are_not_given(trained, tmp_path):
    source, recipe = further(trained)
    file = tmp_path / "recipe.toml"
    file.write_text(tomli_w.dumps(recipe.model_dump(mode="json", exclude_none=True)))
    assert parse_recipe(read_recipe(file), "") == recipe
    with pytest.raises(UsageError, match="started from small") as error:
        assemble(file, [], {})
    assert "--from" in error.value.hint
    assert assemble(file, [], {}, start=source.recipe).origin == source.recipe.origin


# What is refused


def write_model(path, weights, recipe, *, kind=np.float32):
    """Write an ONNX file that holds weights and, as our exports do, a recipe."""
    tensors = [onnx.numpy_helper.from_array(weight.numpy().astype(kind), name) for name, weight in weights.items()]
    model = onnx.helper.make_model(onnx.helper.make_graph([], "weights", [], [], tensors))
    if recipe is not None:
        onnx.helper.set_model_props(model, {RECIPE_KEY: recipe})
    path.write_bytes(model.SerializeToString())
    return model


def changed(recipe, **network):
    values = recipe.model_dump(mode="json")
    values["network"] |= network
    return Recipe.model_validate(values).model_dump_json()


@pytest.fixture(scope="module")
def parts():
    """A network's weights and its recipe."""
    recipe = digits_recipe()
    torch.manual_seed(0)
    return build(recipe.network).state_dict(), recipe


@pytest.mark.parametrize(
    ("add_training_noise", "word"),
    [
        (lambda weights, recipe: (weights, None), "does not hold the recipe"),
        (lambda weights, recipe: (weights, "{"), "can't be trained further"),
        (lambda weights, recipe: (weights, "[" * 100_000), "can't be trained further"),
        (lambda weights, recipe: (weights, '{"colour": 1}'), "colour: unknown key"),
        (lambda weights, recipe: (weights, '{"network": {"blocks": [1000000000]}}'), "less than or equal to 64"),
        (lambda weights, recipe: (weights, '{"network": {"widths": [1, 1, 1, 1, 1, 1, 1, 1, 1]}}'), "at most 8"),
        (
            lambda weights, recipe: ({k: w for k, w in weights.items() if k != "to_code.bias"}, recipe),
            "to_code.bias is none",
        ),
        (lambda weights, recipe: (weights | {"out.bias": torch.zeros(2)}, recipe), r"out.bias is \(2,\), not \(1,\)"),
        (lambda weights, recipe: (weights | {"out.bias": torch.tensor([torch.nan])}, recipe), "out.bias holds"),
    ],
)
def test_a_file_without_the_whole_network_is_refused(parts, tmp_path, add_training_noise, word):
    weights, recipe = parts
    write_model(tmp_path / "bad.onnx", *add_training_noise(weights, recipe.model_dump_json()))
    with pytest.raises(DenoiseError, match=word) as error:
        load_pretrained(str(tmp_path / "bad.onnx"))
    assert "bad.onnx" in error.value.message and "\n" not in error.value.message and error.value.hint


def test_quantised_weights_are_not_taken(parts, tmp_path):
    weights, recipe = parts
    write_model(tmp_path / "int8.onnx", weights, recipe.model_dump_json(), kind=np.int8)
    with pytest.raises(TrainingError, match=r"int8\.onnx.* weight.* none"):
        load_pretrained(str(tmp_path / "int8.onnx"))


def test_nothing_is_read_from_another_file(parts, tmp_path):
    weights, recipe = parts
    model = write_model(tmp_path / "a.onnx", weights, recipe.model_dump_json())
    onnx.save(model, tmp_path / "a.onnx", save_as_external_data=True, location="a.bin", size_threshold=0)
    with pytest.raises(ModelError, match="external data"):
        load_pretrained(str(tmp_path / "a.onnx"))


@pytest.mark.parametrize("name", ["cut.onnx", "empty.onnx", "missing.onnx", "evil.ckpt", "missing.ckpt", "no/run"])
def test_other_files_are_refused_by_name(parts, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    weights, recipe = parts
    write_model(tmp_path / "whole.onnx", weights, recipe.model_dump_json())
    (tmp_path / "cut.onnx").write_bytes((tmp_path / "whole.onnx").read_bytes()[:5000])
    (tmp_path / "empty.onnx").write_bytes(b"")
    (tmp_path / "evil.ckpt").write_bytes(b"cos\nsystem\n(S'touch evil-was-here'\ntR.")
    with pytest.raises(DenoiseError) as error:
        load_pretrained(name)
    assert name in error.value.message and "\n" not in error.value.message and error.value.hint
    assert not (tmp_path / "evil-was-here").exists()


def test_weights_that_the_exporter_changed_are_kept_beside_the_card(parts, tmp_path):
    """It folds what is computed from weights alone and leaves out biases of zeros, say."""
    weights, recipe = parts
    network = build(recipe.network)
    network.load_state_dict(weights)
    kept = {name: weight for name, weight in weights.items() if name != "mix1.bias"} | {"out.bias": torch.ones(1)}
    model = write_model(tmp_path / "a.onnx", kept, None)
    (tmp_path / "a.onnx").write_bytes(with_recipe(model.SerializeToString(), recipe, network))
    assert same(load_pretrained(str(tmp_path / "a.onnx")).weights, weights)
    entries = {entry.key: entry.value for entry in onnx.load(tmp_path / "a.onnx").metadata_props}
    assert set(entries) == {RECIPE_KEY, "denoise_ae_weight:mix1.bias", "denoise_ae_weight:out.bias"}
    for spoilt in (entries["denoise_ae_weight:mix1.bias"][:-8], "~"):
        onnx.helper.set_model_props(model, entries | {"denoise_ae_weight:mix1.bias": spoilt})
        (tmp_path / "a.onnx").write_bytes(model.SerializeToString())
        with pytest.raises(TrainingError, match="no weights to start from"):
            load_pretrained(str(tmp_path / "a.onnx"))


def test_a_network_conditioned_on_a_level_may_get_a_mask_instead(tmp_path):
    save_checkpoint(tmp_path / "a.ckpt", NETWORKS["unet"])
    start = load_pretrained(str(tmp_path / "a.ckpt"))
    asked = tmp_path / "repair.toml"
    asked.write_text('[network]\nmask = true\n[[noise]]\ntype = "strokes"\nlevel = [0.1, 0.2]\n')
    recipe = assemble(asked, [], {}, start=start.recipe)
    network = build(recipe.network)
    assert start.fresh(network) == []
    start.load_into(network)
    assert all(torch.equal(weight, start.weights[name]) for name, weight in network.state_dict().items())
    assert network.takes_mask and not network.takes_sigma
