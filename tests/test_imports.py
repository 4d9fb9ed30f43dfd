"""Who may import whom, read from the syntax trees; and what is loaded when."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from tiny import pattern

PACKAGE = Path(__file__).parent.parent / "denoise_ae"

LAYERS = (
    {"errors"},
    {
        *("pixels", "noise", "camera", "masks", "blemishes", "correlation", "noise_model"),  # arrays
        *("filters", "metrics", "holes", "tiling"),
        *(
            "images",
            "opencv",
            "decoders",
            "frames",
            "gif",
            "extras",
            "webp",
            "headers",
            "formats",
            "metadata",
            "files",
            "jp2",
            "jpeg",
            "png",
            "tiff",
            "tiff_writer",
            "pictures",
            "finding",
            "codes",
        ),  # files
        *("card", "catalog", "children", "cpus", "graph", "modelfile", "probe", "runtime", "trial"),  # models
    },
    {"adapting", "tiled", "denoiser", "repairer", "codec"},
    {"jobs", "tasks", "settling", "planning", "steps", "batch", "baselines", "benchmark", "benchmark_report", "doctor"},
    {"cleaning", "coding", "repairing", "watching", "worker"},
    {"supervisor"},
    {"desktop"},
    {"cli"},
)
"""Each may import its own layer and those before it."""

TRAINING_MAY_IMPORT = LAYERS[0] | LAYERS[1] | LAYERS[2]

QUANTISER = "onnxruntime.quantization"
"""The part of onnxruntime that makes one ONNX file of another, with onnx; it has no place where models are run."""

OWNERS = {
    "cv2": {"opencv", "filters"},
    "onnxruntime": {"runtime"},
    QUANTISER: {"training"},
    "typer": {"cli"},
    "rich": {"cli"},
    "torch": {"training"},
    "lightning": {"training"},
    "onnx": {"training"},
    "matplotlib": {"training", "benchmark_report"},
    "watchdog": {"watching"},
    "skimage": {"baselines"},
    "bm3d": {"baselines"},
    "PySide6": {"desktop"},
    "PIL": {"headers", "pictures", "tiff", "gif", "jp2", "decoders", "training"},
    "sklearn": {"training"},
}
"""Package -> rooms that may import it."""

FORBIDDEN = {"click": "typer brings its own"}


def rooms() -> Iterator[tuple[Path, str]]:
    """Each source file and the room (module or subpackage) that it belongs to."""
    for path in sorted(PACKAGE.rglob("*.py")):
        relative = path.relative_to(PACKAGE)
        room = relative.parts[0].removesuffix(".py")
        if room not in ("__init__", "__main__"):
            yield path, room


FILES = list(rooms())


def imports(path: Path, *, top_only: bool = False) -> set[str]:
    """Names of all modules that a file imports, in functions too, but not for type checking alone."""
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += node.orelse
        elif not (top_only and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            waiting += ast.iter_child_nodes(node)
    return found


def our_rooms(names: set[str]) -> set[str]:
    """Rooms of ours among imported names; ``denoise_ae.__version__`` and the like are none."""
    parts = {name.split(".")[1] for name in names if name.startswith("denoise_ae.")}
    return {part for part in parts if (PACKAGE / part).is_dir() or (PACKAGE / f"{part}.py").exists()}


def test_the_table_speaks_of_what_is_there():
    there = {room for _, room in FILES} - {"training"}
    assert there <= set().union(*LAYERS), "a new room needs a place in the table"


@pytest.mark.parametrize(("path", "room"), FILES, ids=lambda value: value if isinstance(value, str) else value.stem)
def test_no_room_imports_what_lies_further_on(path, room):
    if room == "training":
        allowed = TRAINING_MAY_IMPORT | {"training"}
    else:
        depth = next(index for index, layer in enumerate(LAYERS) if room in layer)
        allowed = set().union(*LAYERS[: depth + 1])
        if room == "cli":
            allowed |= {"training"}  # and what --help loads is tested below
    assert our_rooms(imports(path)) <= allowed


@pytest.mark.parametrize(("path", "room"), FILES, ids=lambda value: value if isinstance(value, str) else value.stem)
def test_a_library_has_its_owner(path, room):
    for name in {QUANTISER if name.startswith(QUANTISER) else name.split(".")[0] for name in imports(path)}:
        assert name not in FORBIDDEN, FORBIDDEN.get(name)
        assert room in OWNERS.get(name, {room}), f"{name} is for {OWNERS.get(name)} alone"


def test_the_rules_find_what_they_look_for():
    """So that the tests above cannot pass by seeing nothing."""
    assert "onnxruntime" in imports(PACKAGE / "runtime.py")
    assert {"catalog", "errors"} <= our_rooms(imports(PACKAGE / "runtime.py"))
    assert "trial" in our_rooms(imports(PACKAGE / "catalog.py"))
    assert "trial" not in our_rooms(imports(PACKAGE / "catalog.py", top_only=True))


def loaded_by(program: str, *arguments: str) -> set[str]:
    """Top-level packages that a fresh Python has loaded after a program."""
    report = "\nimport sys\nprint('LOADED', *{name.split('.')[0] for name in sys.modules}, file=sys.stderr)"
    words = [sys.executable, "-c", f"try:\n    {program}\nexcept SystemExit:\n    pass{report}", *arguments]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    return set(done.stderr.rsplit("LOADED", 1)[1].split())


HEAVY = {
    *("numpy", "cv2", "onnxruntime", "PIL", "PySide6"),
    *("torch", "lightning", "onnx", "matplotlib", "skimage", "sklearn"),
}


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
    heavy = loaded_by("import denoise_ae.denoiser, denoise_ae.batch, denoise_ae.benchmark_report") & HEAVY
    assert heavy <= {"numpy", "cv2", "onnxruntime", "PIL"}
    assert "onnxruntime" in heavy
