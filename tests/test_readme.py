"""The README's examples work as they stand there, and it leaves no command out.

How the README marks its examples:

- In a ```console block, lines that start with "$ " are commands (a backslash at the end continues one), the others
  are what the commands say, which is not compared. Those that call `denoise-ae` are run, in the README's order, all
  in one folder that looks like the checkout: it has copies of samples/, train/ and models/. MNIST's cache holds 256
  look-alikes, so that `denoise-ae train` needs neither the network nor minutes. Calls of git, make and pip are not
  run here.
- A ```python block is run as a program of its own in the same folder.
- The comment `<!-- not run: REASON -->` on the line before a block keeps it from being run, because it takes hours,
  say. Its commands and options must exist all the same.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from idx_files import write_mnist

from denoise_ae.cli import build_app

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAM = "denoise-ae"
CALL = re.compile(rf"(?:^|[|;&]\s*){PROGRAM}(?=\s|$)([^|;&>]*)")
BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>[^\n]+?) -->\s*\n)?"
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<body>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Example:
    """A command or a Python program."""

    text: str
    is_python: bool
    is_run: bool

    def __str__(self) -> str:
        return " ".join(self.text.split())[:70]

    def calls(self) -> list[list[str]]:
        """Return the words after the program's name, for each time that a command line calls it."""
        return [] if self.is_python else [shlex.split(words, comments=True) for words in CALL.findall(self.text)]


def read_examples(text: str) -> list[Example]:
    examples = []
    for block in BLOCK.finditer(text):
        body, is_run = textwrap.dedent(block["body"]), block["reason"] is None
        if block["language"] == "python":
            examples.append(Example(body, is_python=True, is_run=is_run))
        elif block["language"] == "console":
            lines = re.findall(r"^\$ (.*)$", body.replace("\\\n", " "), re.MULTILINE)
            examples += [Example(line, is_python=False, is_run=is_run) for line in lines if CALL.search(line)]
    return examples


EXAMPLES = read_examples(README)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """A folder that looks like the checkout, where examples may write."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("samples", "train", "models"):
        shutil.copytree(ROOT / name, folder / name)
    write_mnist(folder / "home" / "cache" / "mnist")
    return folder


@pytest.mark.parametrize("example", [example for example in EXAMPLES if example.is_run], ids=str)
def test_the_example_works(checkout, example):
    environment = os.environ | {
        "DENOISE_AE_HOME": str(checkout / "home"),
        "PATH": os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]]),
    }
    words: Any = [sys.executable, "-c", example.text] if example.is_python else example.text
    done = subprocess.run(
        words,
        shell=not example.is_python,
        cwd=checkout,
        env=environment,
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")


# What the README says exists

APPLICATION: Any = typer.main.get_command(build_app())


def commands(group: Any = APPLICATION) -> Iterator[Any]:
    """Each command that can be typed, those of groups too."""
    for command in group.commands.values():
        yield command
        if hasattr(command, "commands"):
            yield from commands(command)


def called(words: list[str]) -> Any:
    """Return the command that the words after the program's name stand for, as the program finds it."""
    command = APPLICATION
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        _, command, words = command.resolve_command(typer.Context(command), words)
    return command


CALLS = [(example, called(words), words) for example in EXAMPLES for words in example.calls()]


@pytest.mark.parametrize("command", list(commands()), ids=lambda command: command.name)
def test_each_command_has_an_example(command):
    assert any(command is shown for _, shown, _ in CALLS)


@pytest.mark.parametrize(("example", "command", "words"), CALLS, ids=[str(example) for example, _, _ in CALLS])
def test_the_options_of_examples_exist(example, command, words):
    known = {"--help", *(name for option in command.params for name in option.opts + option.secondary_opts)}
    given = {word.partition("=")[0] for word in words if word.startswith("--") and word != "--"}
    assert given <= known, f"{example}: no such option"


def test_no_example_escapes_these_tests():
    assert len(re.findall(r"^ *```", README, re.MULTILINE)) == 2 * len(BLOCK.findall(README))
    for block in BLOCK.finditer(README):
        assert block["language"] == "console" or not re.search(rf"^\W*{PROGRAM} ", block["body"], re.MULTILINE)


def test_the_readme_opens_with_the_two_commands_that_set_everything_up():
    first = next(BLOCK.finditer(README))
    assert re.findall(r"^\$ (make \w+)", first["body"], re.MULTILINE) == ["make demo", "make test"]


def test_each_make_target_that_is_named_exists():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:\$ |`)make (\w+)", README)) <= targets


def test_each_file_that_is_linked_or_shown_exists():
    linked = re.findall(r"\]\(([^)\s#]+)|<img[^>]+src=\"([^\"]+)\"", README)
    local = {target for pair in linked for target in pair if target and "://" not in target}
    assert local
    assert not [target for target in local if not (ROOT / target).exists()]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no make")
def test_make_demo_cleans_every_sample(tmp_path):
    # What the mark stands for is installed already: this environment runs the tests.
    words = ["make", "-o", f"{sys.prefix}/.installed", "demo", f"VENV={sys.prefix}", f"DEMO={tmp_path / 'demo'}"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    noisy = {path.name for path in (ROOT / "samples" / "noisy").iterdir()}
    assert noisy < {path.name for path in (tmp_path / "demo").iterdir()}
    looked_at = re.findall(r"Look at (\S+\.png)", done.stdout)
    assert looked_at
    assert all(Path(path).is_file() for path in looked_at)
