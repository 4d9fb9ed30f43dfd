"""Dotted names of this package in docstrings, comments and documents lead to something that exists."""

import ast
import functools
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NAME = re.compile(r"`+(denoise_ae(?:\.\w+)+)(?:\(\))?`+")
HISTORY = "CHANGELOG.md"  # it names what there was


@functools.cache
def read(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def members(body: list[ast.stmt]) -> dict[str, ast.stmt]:
    """What the statements of a module or a class define, in branches too: name -> statement."""
    found: dict[str, ast.stmt] = {}
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                found |= {each.id: node for each in ast.walk(target) if isinstance(each, ast.Name)}
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).split(".")[0]: node for alias in node.names}
        for part in ("body", "orelse", "handlers") if isinstance(node, ast.If | ast.Try) else ():
            found |= members(getattr(node, part, []))
    return found


def attributes(node: ast.ClassDef) -> set[str]:
    """What a class defines: its body's names, and what its methods put into self."""
    of_self = {
        each.attr
        for each in ast.walk(node)
        if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id == "self"
    }
    return members(node.body).keys() | of_self


def exists(name: str, root: Path = ROOT) -> bool:
    """Whether a dotted name leads to a package, a module, or something that is defined in one."""
    place, rest = root, name.split(".")
    while rest and (place / rest[0]).is_dir():
        place, rest = place / rest[0], rest[1:]
    if rest and (place / f"{rest[0]}.py").is_file():
        place, rest = place / f"{rest[0]}.py", rest[1:]
    elif (place / "__init__.py").is_file():
        place /= "__init__.py"
    else:
        return False
    known = members(read(place).body)
    if len(rest) == 2:
        return isinstance(node := known.get(rest[0]), ast.ClassDef) and rest[1] in attributes(node)
    return not rest or (len(rest) == 1 and rest[0] in known)


def documents() -> list[Path]:
    """All that people read here: source files and Markdown."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split(
        "\n"
    )
    paths = [ROOT / line for line in listed] if any(listed) else ROOT.rglob("*.*")
    kinds = (".py", ".md", ".toml", ".spec")
    return sorted(path for path in paths if path.suffix in kinds and path.name != HISTORY and path.is_file())


def test_the_names_in_sources_and_documents_exist():
    found = [
        (name, f"{path.relative_to(ROOT)}:{number}")
        for path in documents()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for name in NAME.findall(line)
    ]
    assert len(found) > 50
    assert not [f"{place}: {name}" for name, place in found if not exists(name)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("denoise_ae.pixels", True),
        ("denoise_ae.pixels.masked", True),
        ("denoise_ae.pixels.masked.fill", True),
        ("denoise_ae.pixels.masked.MaskedImage.window", True),
        ("denoise_ae.pixels.masked.MaskedImage.height", True),
        ("denoise_ae.clean_file", True),
        ("denoise_ae.pixels.holes", False),
        ("denoise_ae.pixels.masked.empty", False),
        ("denoise_ae.pixels.masked.MaskedImage.paint", False),
        ("denoise_ae.pixels.masked.fill.more", False),
    ],
)
def test_the_test_itself_tells_what_exists(name, expected):
    assert exists(name) == expected
