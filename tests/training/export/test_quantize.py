"""Quantisation: the network stays what it was, what must be exact stays in float, and a bad result is refused."""

import json

import numpy as np
import onnx
import pytest
from PIL import Image
from small_runs import CARD, blocks, smooth
from tiny import Graph, pattern, residual

torch = pytest.importorskip("torch")

from small_runs import NETWORKS, save_checkpoint

from denoise_ae import Denoiser
from denoise_ae.errors import ModelError, OutputError, TrainingError
from denoise_ae.measure.metrics import psnr
from denoise_ae.modelfiles.card import METADATA_KEY, ModelCard
from denoise_ae.modelfiles.session import Session
from denoise_ae.training.export.calibration import Noise, samples
from denoise_ae.training.export.equalize import equalize
from denoise_ae.training.export.export import export
from denoise_ae.training.export.int8 import export_int8, feeds, noise_of
from denoise_ae.training.export.quantize import quantize
from denoise_ae.training.fitting.pretrained import RECIPE_KEY
from denoise_ae.training.recipes.recipe import NoiseRecipe

WHITE = Noise([NoiseRecipe(type="gaussian", level=(0.0, 50.0))], clip=False)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder of pictures, one of them in a folder below."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "more").mkdir()
    for number, name in enumerate(("0.png", "1.png", "more/2.png")):
        Image.fromarray(smooth(260, 264, number)).save(folder / name)
    return folder


def blur(card, *, spoilt=False):
    """A network that averages 3x3 pixels; spoilt, it reads them beside a thousand times as strong ones."""
    graph = Graph()
    one = np.zeros((3, 3, 3, 3), np.float32)
    one[range(3), range(3), 1, 1] = 1
    box = np.zeros((3, 6 if spoilt else 3, 3, 3), np.float32)
    box[range(3), range(-3, 0)] = 1 / 9
    inner = graph.add("Conv", "image", one, pads=[1] * 4)
    if spoilt:
        inner = graph.add("Concat", graph.add("Mul", inner, np.float32([1000])), inner, axis=1)
    inner = graph.add("Conv", inner, box, pads=[1] * 4)
    return graph.model(graph.add("Conv", inner, one, pads=[1] * 4), card)


def makers(model):
    return {name: node for node in model.graph.node for name in node.output}


def convolutions(model):
    """Whether each convolution, in order, is in int8."""
    made_by = makers(model)
    return [node.input[1] in made_by for node in model.graph.node if node.op_type == "Conv"]


def calibrating(pictures, card=CARD):
    return list(map(feeds, samples(pictures, card, WHITE)[0]))


def run(model, inputs, card=CARD):
    sigma = inputs.get("sigma")
    session = Session(model.SerializeToString(), "cpu", card=card)
    return session.run(inputs["image"], None if sigma is None else float(sigma.item()))


@pytest.fixture(scope="module")
def quantised(pictures):
    """`blocks` in int8."""
    return quantize(blocks(), calibrating(pictures))


@pytest.fixture(scope="module")
def estimator(tmp_path_factory):
    """A model with an estimator, as the exporter writes it, with its recipe."""
    folder = tmp_path_factory.mktemp("model")
    export(save_checkpoint(folder / "a.ckpt", NETWORKS["unet-estimator"]), folder / "mine.onnx")
    return folder / "mine.onnx"


@pytest.fixture(scope="module")
def exported(estimator, pictures):
    """The same in int8: card, judgement and file."""
    path = estimator.with_name("small.onnx")
    card, judgement = export_int8(estimator, path, pictures, measured={"on a set": 30.126})
    return card, judgement, path


class TestEqualising:
    def peaks(self, model):
        """Largest absolute value of each channel of what the convolutions and sums make, on a picture."""
        inner = [name for node in model.graph.node if node.op_type in ("Conv", "Add", "Relu") for name in node.output]
        wide = onnx.ModelProto()
        wide.CopyFrom(model)
        wide.graph.output.extend(onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, None) for n in inner)
        image = pattern(32, 32, dtype=np.float32).transpose(2, 0, 1)[None]
        inputs = {"image": image, "sigma": np.full((1, 1, 1, 1), 0.1, np.float32)}
        found = onnx.reference.ReferenceEvaluator(wide).run(None, inputs)
        return found[0], dict(zip(inner, (np.abs(a).max((0, 2, 3)) for a in found[1:]), strict=True))

    def test_the_network_computes_the_same_with_its_channels_closer_together(self):
        model = blocks(apart=100.0)
        before, peaks = self.peaks(model)
        equalize(model.graph, peaks)
        after, now = self.peaks(model)
        np.testing.assert_allclose(after, before, atol=1e-5)
        # The last convolution makes the picture's three channels, which are not ours to scale.
        inner = [name for name, peak in now.items() if len(peak) == 8]
        apart = [np.mean([np.log(p[name][p[name] > 0]).std() for name in inner]) for p in (peaks, now)]
        assert apart[1] < 0.5 * apart[0]

    def test_it_leaves_alone_what_has_no_factors_of_its_own(self):
        """Tensors that are joined, shared weights, groups, inputs and outputs."""
        graph = Graph(channels=4)
        shared = graph.constant(graph.random.standard_normal((4, 4, 1, 1)).astype(np.float32))
        first, second = graph.add("Conv", "image", shared), graph.add("Conv", "image", shared)
        joined = graph.add("Concat", graph.conv(first, 4, 4), second, axis=1)
        depthwise = graph.random.standard_normal((8, 1, 3, 3)).astype(np.float32)
        model = graph.model(graph.add("Conv", joined, depthwise, pads=[1] * 4, group=8))
        before = model.SerializeToString()
        names = {name for node in model.graph.node for name in (*node.input, *node.output)}
        equalize(model.graph, {name: np.geomspace(1, 100, 4, dtype=np.float32) for name in names})
        assert model.SerializeToString() == before

    def test_biases_and_dead_channels(self):
        graph = Graph()
        bias = np.float32([0.5, -0.25, 1, -1e9])
        inner = graph.add("Relu", graph.add("Conv", "image", np.ones((4, 3, 1, 1), np.float32), bias))
        model = graph.model(graph.conv(inner, 4, 3))
        before, peaks = self.peaks(model)
        assert peaks[inner][3] == 0
        equalize(model.graph, peaks)
        np.testing.assert_allclose(self.peaks(model)[0], before, atol=1e-5)


class TestQuantising:
    def test_the_result_is_close_at_every_size(self, quantised):
        for height, width in ((128, 128), (34, 62)):
            for sigma in (10 / 255, 40 / 255):
                image = smooth(height, width, 5).transpose(2, 0, 1)[None].astype(np.float32) / 255
                case = {"image": image, "sigma": np.full((1, 1, 1, 1), sigma, np.float32)}
                exact, found = run(blocks(), case), run(quantised, case)
                assert not np.array_equal(exact, found)
                assert psnr(found, exact, 1.0) > psnr(exact, image, 1.0) + 25, "a small part of what it takes away"

    def test_the_first_and_the_last_convolution_stay_in_float(self, quantised, pictures):
        assert convolutions(quantised) == [False] + 6 * [True] + 3 * [False]
        ends = convolutions(quantize(blocks(), calibrating(pictures), kept="ends"))
        assert ends == [False] + 8 * [True] + [False]
        assert convolutions(quantize(blocks(), calibrating(pictures), kept="nothing")) == 10 * [True]

    def test_activations_are_unsigned_and_weights_signed_by_channel(self, quantised):
        stored = {tensor.name: tensor for tensor in quantised.graph.initializer}
        made_by = makers(quantised)
        for node in quantised.graph.node:
            if node.op_type == "QuantizeLinear":
                assert stored[node.input[2]].data_type == onnx.TensorProto.UINT8
            elif node.op_type == "DequantizeLinear" and node.input[0] not in made_by:
                assert stored[node.input[0]].data_type == onnx.TensorProto.INT8
                assert list(stored[node.input[1]].dims) == [8]

    def test_sums_read_what_was_not_rounded(self, quantised):
        """Else each block would round the whole picture's stream again."""
        made_by = makers(quantised)
        sums = [node for node in quantised.graph.node if node.op_type == "Add"]
        assert len(sums) == 4
        for node in sums:
            back = [made_by[name] for name in node.input if made_by[name].op_type == "DequantizeLinear"]
            rounded = {made_by[made_by[each.input[0]].input[0]].op_type for each in back}
            assert rounded <= {"Conv"}, "what int8 makes has no other value"

    def test_channels_of_unlike_strength_cost_little(self, quantised, pictures):
        inputs = calibrating(pictures)
        case = inputs[5]
        exact = run(blocks(), case)
        even, apart = run(quantised, case), run(quantize(blocks(apart=30.0), inputs), case)
        assert psnr(apart, exact, 1.0) > psnr(even, exact, 1.0) - 6

    def test_nothing_to_quantise(self, pictures):
        with pytest.raises(TrainingError, match="model two has no convolution"):
            quantize(residual(CARD, layers=2, sigma=True), calibrating(pictures), name="two")

    def test_nothing_is_printed_and_logging_stays_as_it_was(self, pictures, capfd):
        import logging

        before = logging.root.handlers[:], logging.root.manager.disable
        quantize(blocks(), calibrating(pictures))
        assert capfd.readouterr() == ("", "")
        assert (logging.root.handlers[:], logging.root.manager.disable) == before


class TestSamples:
    def test_no_crop_is_both_calibrated_on_and_judged_by(self, pictures):
        first, others = samples(pictures, CARD, WHITE)
        seen = {sample.clean.tobytes() for sample in first}
        judged = {sample.clean.tobytes() for sample in others}
        assert len(seen) == len(first) >= 6
        assert len(judged) * 3 == len(others) >= 6
        assert seen.isdisjoint(judged)
        again = samples(pictures, CARD, WHITE)[0]
        assert all(np.array_equal(a.noisy, b.noisy) for a, b in zip(first, again, strict=True))

    def test_levels_are_spread_over_the_range_and_known(self, pictures):
        first, others = samples(pictures, CARD, WHITE)
        levels = np.array([sample.sigma * 255 for sample in first])
        assert levels.min() < 5 and levels.max() > 45
        for sample in first:
            assert np.std(sample.noisy - sample.clean) == pytest.approx(sample.sigma, rel=0.03)
        assert {round(sample.sigma * 255, 3) for sample in others} == {12.5, 25.0, 37.5}

    def test_half_are_gray_with_gray_noise_at_all_levels(self, pictures):
        """Without them the ranges are too narrow for gray pictures with strong noise."""
        first, others = samples(pictures, CARD, WHITE)
        for part in (first, others):
            gray = [bool((sample.noisy == sample.noisy[:, :1]).all()) for sample in part]
            assert 0.3 < sum(gray) / len(gray) < 0.7
        levels = [sample.sigma * 255 for sample in first if (sample.noisy == sample.noisy[:, :1]).all()]
        assert min(levels) < 15 and max(levels) > 35

    def test_what_noise_level_a_model_gets(self, pictures):
        for card, level in (
            (ModelCard("a"), None),
            (ModelCard("b", takes_sigma=True, estimates_sigma=True), -1.0),
        ):
            assert {sample.sigma for sample in samples(pictures, card, WHITE)[0]} == {level}

    def test_crops_are_as_the_model_takes_them(self, pictures):
        card = ModelCard("gray", channels=1, size_multiple=48, min_size=130)
        shapes = {sample.noisy.shape for part in samples(pictures, card, WHITE) for sample in part}
        assert shapes == {(1, 1, 144, 144)}

    def test_the_noise_is_the_recipes_or_else_the_cards(self, estimator, pictures):
        recipes = noise_of(onnx.load(estimator), ModelCard("x", sigma_range=(1, 2)))
        assert (recipes.kinds[0].level, recipes.clip) == ((5, 50), False)
        cards = noise_of(blocks(), ModelCard("x", sigma_range=(1, 2)))
        assert (cards.kinds[0].type, cards.kinds[0].level) == ("gaussian", (1, 2))
        with pytest.raises(TrainingError, match="which noise"):
            noise_of(blocks(), ModelCard("x"))
        broken = blocks()
        broken.metadata_props.add(key=RECIPE_KEY, value="{")
        with pytest.raises(ModelError, match="model x can't be calibrated"):
            noise_of(broken, ModelCard("x"))

    def test_mixtures_take_turns(self, pictures):
        kinds = [NoiseRecipe(type="mask", level=(0.5, 0.5)), NoiseRecipe(type="uniform", level=(9, 9))]
        first, _ = samples(pictures, ModelCard("x"), Noise(kinds, clip=True))
        masked = [float((sample.noisy == 0).mean()) for sample in first]
        assert masked[::2] == pytest.approx([0.5] * len(masked[::2]), abs=0.05)
        assert max(masked[1::2]) < 0.01

    @pytest.mark.parametrize("content", ["nothing", "small", "broken"])
    def test_a_folder_without_pictures_that_do(self, content, tmp_path):
        if content == "small":
            Image.fromarray(smooth(100, 100)).save(tmp_path / "a.png")
        elif content == "broken":
            (tmp_path / "a.png").write_bytes(b"no picture")
        with pytest.raises(TrainingError, match="not enough pictures") as caught:
            samples(tmp_path, CARD, WHITE)
        assert str(tmp_path) in caught.value.message
        assert ("a.png" in caught.value.message) == (content == "broken")
        with pytest.raises(TrainingError, match="no such folder"):
            samples(tmp_path / "nowhere", CARD, WHITE)


class TestExporting:
    def test_one_file_that_says_what_it_is(self, exported):
        card, judgement, path = exported
        assert path.with_suffix(".json").exists()
        model = onnx.load(path, load_external_data=False)
        onnx.checker.check_model(model, full_check=True)
        assert all(t.data_location == onnx.TensorProto.DEFAULT for t in model.graph.initializer)
        assert {p.key for p in model.metadata_props} == {METADATA_KEY}, "the recipe's weights are not these"
        assert ModelCard.from_json(path.with_suffix(".json").read_text()) == card
        inside = ModelCard.from_json(model.metadata_props[0].value)
        assert inside.with_checksum(card.sha256) == card
        assert (card.name, card.takes_sigma, card.estimates_sigma) == ("mine-int8", True, True)
        assert "int8" in card.network
        assert card.psnr == {
            "lost by int8": round(judgement.loss, 3),
            "on a set": 30.13,
            "in float32: validation": 31.23,
        }
        assert judgement.loss == judgement.float32 - judgement.int8 < 0.5
        assert str(path.parent).encode() not in path.read_bytes()

    def test_it_is_smaller_and_takes_any_size(self, exported, estimator):
        _, _, path = exported
        shapes = [
            [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in onnx.load(path).graph.input
        ]
        assert shapes == [
            [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in onnx.load(estimator).graph.input
        ]
        picture = smooth(37, 61)
        found, exact = Denoiser(path).restore(picture), Denoiser(estimator).restore(picture)
        assert found.pixels.shape == picture.shape
        assert psnr(found.pixels, exact.pixels) > 30

    def test_the_noise_estimate_is_not_quantised(self, exported, estimator):
        batch = np.random.default_rng(0).random((1, 3, 64, 64), np.float32)
        levels = [Session(path, "cpu").restore(batch, -1.0)[1] for path in (exported[2], estimator)]
        np.testing.assert_allclose(levels[0], levels[1], atol=1e-6)
        assert levels[0].max() > 0

    def test_a_model_that_would_lose_too_much_is_refused(self, save, pictures, tmp_path):
        card = ModelCard("blur", sigma_range=(0.0, 50.0), receptive_field=7)
        output = tmp_path / "out.onnx"
        with pytest.raises(TrainingError, match=r"model blur loses \d+\.\d+ dB, more than 0.5"):
            export_int8(save(blur(card, spoilt=True)), output, pictures)
        assert not list(tmp_path.glob("out*"))
        _, judgement = export_int8(save(blur(card)), output, pictures)
        assert judgement.loss < 0.2 and judgement.float32 > 25

    @pytest.mark.parametrize(
        ("which", "error", "message"),
        [
            ("cell", TrainingError, "28 x 28 pixels only"),
            ("foreign", TrainingError, "which noise"),
            ("absent", ModelError, "absent.onnx"),
        ],
    )
    def test_other_models_are_refused(self, which, error, message, network, pictures, tmp_path):
        path = tmp_path / "absent.onnx" if which == "absent" else network(which)
        with pytest.raises(error, match=message):
            export_int8(path, tmp_path / "out.onnx", pictures)
        assert not list(tmp_path.iterdir())

    def test_an_int8_model_is_not_quantised_again(self, exported, pictures, tmp_path):
        with pytest.raises(TrainingError, match="mine-int8 is quantised already"):
            export_int8(exported[2], tmp_path / "out.onnx", pictures)

    @pytest.mark.parametrize("taken", ["out.onnx", "out.json"])
    def test_existing_files_stay(self, taken, save, pictures, tmp_path):
        model = save(blocks())
        (tmp_path / taken).write_text("mine")
        with pytest.raises(OutputError, match=taken):
            export_int8(model, tmp_path / "out.onnx", pictures)
        assert (tmp_path / taken).read_text() == "mine"
        export_int8(model, tmp_path / "out.onnx", pictures, name="other", overwrite=True)
        assert json.loads((tmp_path / "out.json").read_text())["name"] == "other"
