"""What a user installs: the wheel and the sdist are built, and the wheel is used away from the checkout.

The empty environment gets the wheel and, from the environment that runs the tests, copies of the packages that
the wheel declares, no more: so it needs no network, and an undeclared dependency (torch above all) is missed.
"""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from denoise_ae import __version__

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = min((ROOT / "samples" / "noisy").glob("*.png"), default=ROOT / "samples" / "noisy")
INDEX = json.loads((ROOT / "models" / "index.json").read_text(encoding="utf-8"))


def run(*words: str | Path, cwd: Path) -> str:
    """Run a program in a folder of its own with an empty home, and return what it says on stdout."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment["DENOISE_AE_HOME"] = str(cwd / "home")
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A folder with the sdist, and the wheel that was built from the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built) -> Path:
    return built / f"denoise_ae-{__version__}-py3-none-any.whl"


class Installation:
    """An environment with the wheel and what it declares."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        venv.create(folder, with_pip=False)
        paths = sysconfig.get_paths("venv", vars={"base": str(folder), "platbase": str(folder)})
        self.packages, scripts = Path(paths["purelib"]), Path(paths["scripts"])
        suffix = ".exe" if os.name == "nt" else ""
        self.python, self.program = scripts / f"python{suffix}", scripts / f"denoise-ae{suffix}"
        self.pip("install", "--no-deps", "--no-index", wheel, cwd=folder)
        dist_info = next(self.packages.glob("denoise_ae-*.dist-info"))
        for name in declared(Distribution.at(dist_info)):
            copy_package(distribution(name), self.packages)

    def pip(self, *words: str | Path, cwd: Path) -> str:
        """Run the tests' own pip on this environment."""
        return run(sys.executable, "-m", "pip", "--python", self.python, *words, cwd=cwd)


def declared(package: Distribution) -> set[str]:
    """Return the names of all packages that one needs without extras, directly and through others."""
    wanted, seen = [(package, "")], set()
    while wanted:
        package, extra = wanted.pop()
        for requirement in map(Requirement, package.requires or []):
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                new = {(requirement.name, part) for part in ("", *requirement.extras)} - seen
                seen |= new
                wanted += [(distribution(name), part) for name, part in new]
    return {name for name, _ in seen}


def copy_package(package: Distribution, target: Path) -> None:
    for file in package.files or []:
        if ".." not in file.parts and file.suffix != ".pyc":  # programs lie elsewhere
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file.locate(), target / file)


@pytest.fixture(scope="module")
def installation(wheel, tmp_path_factory) -> Installation:
    return Installation(tmp_path_factory.mktemp("environment"), wheel)


def test_the_wheel_holds_the_package_its_models_and_licence_only(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    assert {f"denoise_ae/models/{name}.onnx" for name in INDEX["models"]} <= held
    assert f"denoise_ae-{__version__}.dist-info/licenses/LICENSE" in held
    assert "denoise_ae/py.typed" in held
    desktop = {"denoise-ae.svg", "translations/denoise-ae_de.qm", "translations/denoise-ae_zh_CN.qm"}
    assert {f"denoise_ae/desktop/{name}" for name in desktop} <= held
    assert {name.split("/")[0] for name in held} == {"denoise_ae", f"denoise_ae-{__version__}.dist-info"}


def test_the_sdist_holds_what_a_rebuild_and_a_test_run_need(built):
    with tarfile.open(built / f"denoise_ae-{__version__}.tar.gz") as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    expected = {"Makefile", "README.md", "CHANGELOG.md", "LICENSE", "constraints.txt", "pyproject.toml"}
    expected |= {"CONTRIBUTING.md", "CITATION.cff", ".pre-commit-config.yaml", "docs/decisions/README.md"}
    expected |= {f"models/{name}.{suffix}" for name in INDEX["models"] for suffix in ("onnx", "json")}
    expected |= {"models/index.json", "tests/test_packaging.py", SAMPLE.relative_to(ROOT).as_posix()}
    assert expected <= held


def test_everything_the_wheel_needs_is_declared(installation, tmp_path):
    assert "No broken requirements" in installation.pip("check", cwd=tmp_path)
    assert not any(installation.packages.glob("torch*"))


def test_the_installed_models_are_those_of_the_index(installation, tmp_path):
    program = (
        "import json; from denoise_ae import models; from denoise_ae.modelfiles.catalog import checksum;"
        "print(json.dumps([[m.card.name, str(m.path), m.card.sha256 == checksum(m.path)] for m in models()]))"
    )
    found = json.loads(run(installation.python, "-c", program, cwd=tmp_path))
    assert [name for name, _, _ in found] == INDEX["models"]
    folder = installation.packages.resolve() / "denoise_ae" / "models"
    assert {Path(path).resolve().parent for _, path, _ in found} == {folder}
    assert all(checksum_agrees for _, _, checksum_agrees in found)


def test_the_installed_program_says_what_it_can_do(installation, tmp_path):
    assert "clean" in run(installation.program, "--help", cwd=tmp_path)
    assert __version__ in run(installation.program, "--version", cwd=tmp_path)


def test_the_installed_program_cleans_a_sample_without_torch(installation, tmp_path):
    shutil.copy(SAMPLE, tmp_path / "noisy.png")
    run(installation.program, "clean", "noisy.png", "-o", "clean.png", cwd=tmp_path)
    assert (tmp_path / "clean.png").read_bytes()[:4] == b"\x89PNG"
    assert (tmp_path / "clean.png").read_bytes() != SAMPLE.read_bytes()


def test_cleaning_leaves_torch_alone_where_it_is_installed(tmp_path):
    program = (
        "import sys, runpy; sys.argv = ['denoise-ae', 'clean', *sys.argv[1:]]\n"
        "try: runpy.run_module('denoise_ae', run_name='__main__')\n"
        "finally: print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    output = run(sys.executable, "-c", program, SAMPLE, "-o", tmp_path / "clean.png", cwd=tmp_path)
    loaded = set(output.split())
    assert {"numpy", "cv2", "onnxruntime"} <= loaded
    assert not {"torch", "lightning", "onnx", "matplotlib"} & loaded


# What is declared

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
DECLARED = [
    requirement
    for group in (PROJECT["dependencies"], *EXTRAS.values())
    for requirement in map(Requirement, group)
    if requirement.name != PROJECT["name"]
]
TESTED = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE))


def imported(files: Iterable[Path]) -> set[str]:
    """Return the names of the packages that source files import from elsewhere, in functions too."""
    modules: set[str] = set()
    for node in (node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.add(node.module.partition(".")[0])
    homes = packages_distributions()
    outside = modules - sys.stdlib_module_names - {"denoise_ae"}
    return {canonicalize_name(homes[module][0]) for module in outside}


def names(*groups: Iterable[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for group in groups for text in group}


def test_each_package_that_is_imported_is_declared():
    # An undeclared one can hide: another package may bring it along today and not tomorrow.
    package = ROOT / "denoise_ae"
    training = set((package / "training").rglob("*.py"))
    optional = names(*(EXTRAS[extra] for extra in ("bench", "desktop", "heic", "jxl", "raw")))
    assert imported(set(package.rglob("*.py")) - training) <= names(PROJECT["dependencies"]) | optional
    assert imported(training) <= names(PROJECT["dependencies"], EXTRAS["train"], EXTRAS["features"])


@pytest.mark.parametrize("requirement", DECLARED, ids=str)
def test_a_tested_version_is_pinned_for_everything_declared(requirement):
    tested = {canonicalize_name(name): version for name, version in TESTED.items()}
    assert requirement.specifier.contains(tested[canonicalize_name(requirement.name)])


def test_pins_hold_on_every_platform():
    # A local label such as torch's "+cpu" names a build that only some package indexes have.
    assert TESTED
    assert not [version for version in TESTED.values() if "+" in version]


def test_hooks_check_with_the_tested_versions():
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    tools = dict(re.findall(r"repo: https://github\.com/[\w-]+/(?:mirrors-)?(\w+)\S*\n +rev: v(\S+)", text))
    beside = dict(re.findall(r"^ +- ([\w.-]+)==(\S+)$", text, re.MULTILINE))
    tested = {name: TESTED[name] for name in ("ruff", "mypy", *beside)}
    assert tested.items() <= (tools | beside).items()


def test_the_citation_names_this_version():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^(version|license): (.+)$", citation, re.MULTILINE) == [
        ("version", __version__),
        ("license", PROJECT["license"]),
    ]
