"""Training runs: what they leave behind, and that a run that was stopped, killed and resumed ends as if it was not."""

import csv
import json
import os
import pickle
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from small_runs import CPU, StopAt

torch = pytest.importorskip("torch")

from idx_files import write_mnist
from PIL import Image

from denoise_ae.errors import TrainingError
from denoise_ae.training.fitting.callbacks import TrainingInterruptedError
from denoise_ae.training.fitting.checkpoint import find_checkpoint, load_checkpoint, newest_run
from denoise_ae.training.fitting.fit import fit
from denoise_ae.training.fitting.latent import look_at_codes
from denoise_ae.training.fitting.plan import make_plan
from denoise_ae.training.recipes.recipe import Recipe
from denoise_ae.training.recipes.recipe_file import parse_recipe, read_recipe


def tiny_recipe(**training):
    """Three epochs of a few steps on photographs, with everything on that has a state to restore."""
    return Recipe.model_validate(
        {
            "name": "tiny",
            "network": {"type": "unet", "widths": [8, 16], "blocks": [1, 1]},
            "data": {"kind": "photos", "clip": False, "gray": 0.3, "validation": 2},
            "noise": [{"level": [5, 50]}, {"type": "poisson", "level": [20, 80]}],
            "training": {
                "epochs": 3,
                "steps_per_epoch": 6,
                "optimizer": "adamw",
                "learning_rate": 2e-3,
                "warmup_steps": 3,
                "clip_norm": 1.0,
                "ema": 0.99,
                "stages": [{"patch": 16, "batch": 4}, {"start": 0.5, "patch": 32, "batch": 2, "loss": "charbonnier"}],
                **training,
            },
        }
    )


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 200, 48)[:, None, None] * np.ones((48, 48, 3))
    for i in range(6):
        Image.fromarray((ramp * rng.random(3) + rng.integers(0, 50)).astype(np.uint8)).save(folder / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def whole(photos, tmp_path_factory):
    """A run that nobody disturbed."""
    run = tmp_path_factory.mktemp("runs") / "whole"
    fit(make_plan(tiny_recipe()), [photos], run, hardware=CPU)
    return run


def last_state(run):
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)


def assert_same_weights(a, b):
    for part in ("state_dict", "current_model_state"):
        assert a[part].keys() == b[part].keys()
        for name in a[part]:
            assert torch.equal(a[part][name], b[part][name]), f"{part} {name}"


def test_a_run_leaves_everything_that_was_promised(whole):
    recipe = parse_recipe(read_recipe(whole / "recipe.toml"), "recipe.toml")
    assert recipe == tiny_recipe()
    rows = list(csv.DictReader((whole / "metrics.csv").open()))
    assert [float(row["epoch"]) for row in rows] == [1, 2, 3]
    assert all(float(row[key]) > 0 for row in rows for key in ("train_loss", "val_loss", "val_psnr"))
    for name in ("loss.png", "samples.png"):
        with Image.open(whole / name) as picture:
            assert min(picture.size) > 100
            assert len(picture.convert("L").getcolors(1 << 20)) > 10
    environment = json.loads((whole / "environment.json").read_text())
    assert environment["versions"]["torch"] == torch.__version__
    assert {p.name for p in (whole / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}


def test_training_lowers_the_loss(photos, tmp_path):
    recipe = tiny_recipe(epochs=4, steps_per_epoch=40, learning_rate=6e-3, ema=0.9)
    fit(make_plan(recipe), [photos], tmp_path / "run", hardware=CPU)
    rows = list(csv.DictReader((tmp_path / "run" / "metrics.csv").open()))
    gained = [float(row["val_psnr"]) - float(row["noisy_psnr"]) for row in rows]
    assert gained[-1] > 2
    assert float(rows[-1]["val_loss"]) < float(rows[0]["val_loss"])


def test_best_checkpoint_is_the_best_epoch(whole):
    rows = list(csv.DictReader((whole / "metrics.csv").open()))
    best = max(rows, key=lambda row: float(row["val_psnr"]))
    checkpoint = load_checkpoint(find_checkpoint(whole))
    assert checkpoint.path.name == "best.ckpt"
    assert checkpoint.step == float(best["step"])
    assert checkpoint.figures["validation"] == pytest.approx(float(best["val_psnr"]), abs=1e-4)


def test_the_last_checkpoint_is_the_last_epoch_however_bad(photos, tmp_path):
    """So that a run is resumed where it was stopped, not where it was best."""
    wild = {"optimizer": "adam", "learning_rate": 0.05, "schedule": "constant", "clip_norm": 0, "warmup_steps": 0}
    fit(make_plan(tiny_recipe(ema=0, **wild)), [photos], tmp_path / "run", hardware=CPU)
    steps = [load_checkpoint(tmp_path / "run" / "checkpoints" / f"{name}.ckpt").step for name in ("best", "last")]
    assert steps[0] < steps[1] == 18


def test_checkpoint_holds_the_averaged_weights(whole):
    state = last_state(whole)
    loaded = load_checkpoint(find_checkpoint(whole, "last"))
    for name, value in loaded.network().state_dict().items():
        assert torch.equal(value, state["state_dict"][f"network.{name}"])
    current = state["current_model_state"]
    assert any(not torch.equal(current[f"network.{name}"], value) for name, value in loaded.weights.items())


@pytest.mark.parametrize("stop_after", [3, 8, 12])
def test_interrupted_and_resumed_equals_whole(whole, photos, tmp_path, stop_after, monkeypatch):
    """Stopped in mid-epoch (3, 8) and at an epoch's last step (12): the same weights, to the bit."""
    monkeypatch.setattr("denoise_ae.training.fitting.monitor._STEPS_BETWEEN_REPORTS", 1)
    run = tmp_path / "run"
    with pytest.raises(TrainingInterruptedError) as stopped:
        fit(make_plan(tiny_recipe()), [photos], run, hardware=CPU, observer=StopAt(stop_after))
    assert "--resume" in stopped.value.hint
    checkpoint = find_checkpoint(run, "last")
    assert load_checkpoint(checkpoint).step == stop_after
    fit(make_plan(tiny_recipe()), [photos], run, resume=checkpoint, hardware=CPU)
    assert_same_weights(last_state(run), last_state(whole))
    rows = list(csv.DictReader((run / "metrics.csv").open()))
    assert [float(row["epoch"]) for row in rows] == [1, 2, 3]


def test_workers_make_the_same_batches(whole, photos, tmp_path):
    """With noise that the workers draw and noise that the device draws; also where a run is resumed in mid-epoch."""
    losses = {"type": "unet", "widths": [8, 16], "blocks": [1, 1], "mask": True}
    camera = [
        {"type": "camera", "level": [100, 1000]},
        {"type": "gaussian", "level": 20, "then": [{"type": "jpeg", "level": 80}]},
    ]
    for name, changes in (
        ("device", {}),
        ("worker", {"noise": camera}),
        ("mask", {"network": losses, "noise": [{"type": "strokes", "level": [0.1, 0.3]}]}),
    ):
        recipe = Recipe.model_validate({**tiny_recipe(epochs=1).model_dump(), **changes})
        for workers in (0, 2):
            fit(make_plan(recipe), [photos], tmp_path / f"{name}{workers}", hardware=replace(CPU, workers=workers))
        assert_same_weights(*(last_state(tmp_path / f"{name}{workers}") for workers in (0, 2)))
    run = tmp_path / "run"
    with pytest.raises(TrainingInterruptedError):
        fit(make_plan(tiny_recipe()), [photos], run, hardware=replace(CPU, workers=2), observer=StopAt(9))
    fit(make_plan(tiny_recipe()), [photos], run, resume=find_checkpoint(run, "last"), hardware=replace(CPU, workers=2))
    assert_same_weights(last_state(run), last_state(whole))


def test_killed_and_resumed_equals_whole(whole, photos, tmp_path):
    """SIGKILL leaves the last epoch's checkpoint whole, and going on from it gives the same weights."""
    run = tmp_path / "run"
    code = (
        "import sys; from pathlib import Path\n"
        "from denoise_ae.training.fitting.fit import Hardware, fit\n"
        "from denoise_ae.training.fitting.plan import make_plan\n"
        "from denoise_ae.training.recipes.recipe_file import parse_recipe, read_recipe\n"
        "recipe = parse_recipe(read_recipe(Path(sys.argv[1])), '')\n"
        "fit(make_plan(recipe), [Path(sys.argv[2])], Path(sys.argv[3]), hardware=Hardware(accelerator='cpu'))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, whole / "recipe.toml", photos, run])
    deadline = time.monotonic() + 120
    while not (run / "checkpoints" / "last.ckpt").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    checkpoint = find_checkpoint(run, "last")
    assert load_checkpoint(checkpoint).step in (6, 12, 18)
    fit(make_plan(tiny_recipe()), [photos], run, resume=checkpoint, hardware=CPU)
    assert_same_weights(last_state(run), last_state(whole))


def test_another_seed_gives_other_weights(whole, photos, tmp_path):
    recipe = tiny_recipe().model_copy(update={"seed": 1})
    fit(make_plan(recipe), [photos], tmp_path / "run", hardware=CPU)
    with pytest.raises(AssertionError):
        assert_same_weights(last_state(tmp_path / "run"), last_state(whole))


def test_training_leaves_the_callers_random_numbers_alone(photos, tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    fit(make_plan(tiny_recipe(epochs=1, steps_per_epoch=1)), [photos], tmp_path / "run", hardware=CPU)
    assert torch.equal(torch.rand(3), expected)


def test_early_stop(photos, tmp_path):
    """With a learning rate of practically nothing there is no gain, so that patience runs out."""
    recipe = tiny_recipe(epochs=30, steps_per_epoch=1, patience=2, learning_rate=1e-30, ema=0.0)
    fit(make_plan(recipe), [photos], tmp_path / "run", hardware=CPU)
    rows = list(csv.DictReader((tmp_path / "run" / "metrics.csv").open()))
    assert len(rows) == 3


def test_an_estimator_learns_the_level_from_pictures_alone(photos, tmp_path):
    recipe = tiny_recipe(epochs=4, steps_per_epoch=25, learning_rate=5e-3, ema=0, stages=[{"patch": 32, "batch": 8}])
    network = recipe.network.model_copy(update={"widths": (8, 8, 8), "blocks": (1, 1, 1), "estimator": True})
    fit(make_plan(recipe.model_copy(update={"network": network})), [photos], tmp_path / "run", hardware=CPU)
    trained = load_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt").network()
    noise = torch.randn(1, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        levels = [trained.restore(0.5 + noise * s / 255, torch.full((1, 1, 1, 1), -1.0))[1].mean() for s in (10, 40)]
    assert levels[0] * 255 == pytest.approx(10, rel=0.5)
    assert levels[1] * 255 == pytest.approx(40, rel=0.5)


def test_an_estimator_may_be_trained_alone_and_biased_upwards(photos, tmp_path):
    """The rest of the network stays as it was; the more a low estimate counts, the higher it gets."""
    levels = []
    for weight, of_this in ((0.05, 0), (20, 0), (0.05, 20)):
        stages = [{"patch": 32, "batch": 8}]
        recipe = tiny_recipe(epochs=2, steps_per_epoch=20, ema=0, stages=stages)
        training = recipe.training.model_copy(update={"part": "estimator", "underestimate_weight": weight})
        network = recipe.network.model_copy(update={"widths": (8, 8, 8), "blocks": (1, 1, 1), "estimator": True})
        noise = tuple(kind.model_copy(update={"underestimate_weight": of_this}) for kind in recipe.noise)
        recipe = recipe.model_copy(update={"network": network, "training": training, "noise": noise})
        run = tmp_path / f"{weight} {of_this}"
        fit(make_plan(recipe), [photos], run, hardware=CPU)
        trained = load_checkpoint(run / "checkpoints" / "last.ckpt").network()
        before = make_plan(recipe).network.state_dict()
        changed = {name for name, weight in trained.state_dict().items() if not torch.equal(weight, before[name])}
        assert changed == {name for name in before if name.startswith("estimator.")}
        grain = torch.randn(1, 3, 48, 48, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            levels.append(trained.restore(0.5 + grain / 10, torch.full((1, 1, 1, 1), -1.0))[1].mean())
    assert levels[1] > 1.2 * levels[0]
    assert levels[2] == levels[1]


def test_all_but_an_estimator_may_be_trained(photos, tmp_path):
    recipe = tiny_recipe(epochs=1, steps_per_epoch=5, ema=0, stages=[{"patch": 32, "batch": 4}])
    network = recipe.network.model_copy(update={"widths": (8, 8, 8), "blocks": (1, 1, 1), "estimator": True})
    before = make_plan(recipe.model_copy(update={"network": network})).network.state_dict()
    training = recipe.training.model_copy(update={"part": "denoiser"})
    run = tmp_path / "run"
    fit(make_plan(recipe.model_copy(update={"network": network, "training": training})), [photos], run, hardware=CPU)
    weights = load_checkpoint(run / "checkpoints" / "last.ckpt").network().state_dict()
    changed = {name for name, weight in weights.items() if not torch.equal(weight, before[name])}
    assert changed == {name for name in before if not name.startswith("estimator.")}


@pytest.mark.parametrize("kind", ["dense", "conv"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd", "muon"])
def test_digits_train(tmp_path, kind, optimizer):
    write_mnist(tmp_path / "mnist")
    recipe = Recipe.model_validate(
        {
            "network": {"type": kind, "latent": 16, **({"widths": [8, 8, 8]} if kind == "conv" else {})},
            "training": {"epochs": 2, "optimizer": optimizer, "stages": [{"batch": 32}]},
        }
    )
    best = fit(make_plan(recipe), [tmp_path / "mnist"], tmp_path / "run", hardware=CPU)
    assert best is not None and np.isfinite(best.val_psnr)
    assert find_checkpoint(tmp_path / "run").exists()


@pytest.mark.parametrize(("mapped", "shown"), [(30, 30), (1000, 40)])
def test_codes_are_looked_at_once_an_epoch_when_enough_are_there(tmp_path, monkeypatch, mapped, shown):
    """Four batches of 10 held-out digits: the walks and drawings come of one call, be the codes too few at the end."""
    looked = []

    def look(network, codes, seed):
        looked.append(len(codes))
        return look_at_codes(network, codes, seed)

    monkeypatch.setattr("denoise_ae.training.fitting.module.look_at_codes", look)
    monkeypatch.setattr("denoise_ae.training.fitting.module.MAPPED", mapped)
    monkeypatch.setattr("denoise_ae.training.data.digits.VALIDATION_BATCH", 10)
    write_mnist(tmp_path / "mnist", 200)
    values = {"network": {"type": "dense", "latent": 4}, "training": {"epochs": 2, "ema": 0.9, "steps_per_epoch": 2}}
    fit(make_plan(Recipe.model_validate(values)), [tmp_path / "mnist"], tmp_path / "run", hardware=CPU)
    assert looked == [shown, shown]
    assert (tmp_path / "run" / "walk.png").exists()


def test_a_diverging_run_says_so(photos, tmp_path):
    recipe = tiny_recipe(optimizer="sgd", learning_rate=1e9, clip_norm=0, warmup_steps=0, steps_per_epoch=40)
    with pytest.raises(TrainingError, match="loss is"):
        fit(make_plan(recipe), [photos], tmp_path / "run", hardware=CPU)


class Evil:
    def __reduce__(self):
        return (os.system, ("touch evil-was-here",))


def test_a_malicious_checkpoint_is_refused_and_nothing_runs(whole, photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Evil()}, tmp_path / "evil.ckpt")
    (tmp_path / "bare.ckpt").write_bytes(pickle.dumps(Evil()))
    (tmp_path / "cut.ckpt").write_bytes(find_checkpoint(whole).read_bytes()[:5000])
    (tmp_path / "empty.ckpt").write_bytes(b"")
    torch.save({"state_dict": {}}, tmp_path / "foreign.ckpt")
    for name in ("evil", "bare", "cut", "empty", "foreign", "missing"):
        with pytest.raises(TrainingError) as error:
            load_checkpoint(tmp_path / f"{name}.ckpt")
        assert f"{name}.ckpt" in error.value.message and "\n" not in error.value.message
        with pytest.raises(TrainingError):
            fit(make_plan(tiny_recipe()), [photos], tmp_path / "run", resume=tmp_path / f"{name}.ckpt", hardware=CPU)
    assert not (tmp_path / "evil-was-here").exists()


def test_newest_run(whole, tmp_path):
    assert newest_run(whole.parent) == whole
    with pytest.raises(TrainingError, match="no run"):
        newest_run(tmp_path)
    with pytest.raises(TrainingError, match="no checkpoint"):
        find_checkpoint(tmp_path)
