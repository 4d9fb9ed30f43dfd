"""What is loaded when; who may import whom is import-linter's business, see pyproject.toml."""

import pytest
from loaded import HEAVY, loaded_by
from PIL import Image
from tiny import pattern


@pytest.mark.parametrize(
    "program",
    [
        "import denoise_ae",
        "import denoise_ae; denoise_ae.models()",
        "from denoise_ae.cli import main; main(['--help'])",
        "from denoise_ae.cli import main; main(['clean', '--help'])",
        "from denoise_ae.cli import main; main(['train', '--help'])",
        "from denoise_ae.cli import main; main(['models'])",
        "from denoise_ae.cli import main; main(['bench', '--help'])",
        "from denoise_ae.cli import main; main(['doctor', '--help'])",
        "from denoise_ae.cli import main; main(['desktop', '--help'])",
    ],
)
def test_nothing_heavy_is_loaded_without_need(program):
    assert loaded_by(program) & HEAVY == set()


def test_what_watches_over_a_batch_loads_nothing_heavy(place, network):
    """It would load it beside its child, which needs it."""
    for name in ("a.png", "b.png"):
        Image.fromarray(pattern(8, 8)).save(name)
    words = ["clean", place, "-o", place / "out", "--model", network("rgb"), "--threads", 1]
    loaded = loaded_by("import sys; from denoise_ae.cli import main; main(sys.argv[1:])", *map(str, words))
    assert len(list(place.glob("out/*.png"))) == 2
    assert loaded & HEAVY == set()


def test_cleaning_never_loads_torch():
    heavy = (
        loaded_by("import denoise_ae.restoration.denoiser, denoise_ae.batch.pipeline, denoise_ae.measure.report")
        & HEAVY
    )
    assert heavy <= {"numpy", "cv2", "onnxruntime", "PIL"}
    assert "onnxruntime" in heavy
