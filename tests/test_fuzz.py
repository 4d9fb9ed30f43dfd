"""Thousands of damaged files go through the command line: each is cleaned or refused, and nothing else happens.

DENOISE_AE_FUZZ=30000 in the environment tries more of them.
"""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from random import Random

import pytest
from encoders import PROGRAMS, RGB, dng, pillow
from mutations import mutate
from PIL import Image

import denoise_ae
from denoise_ae.imagefiles.images import decode

COUNT = int(os.environ.get("DENOISE_AE_FUZZ", "3000"))
BATCH = 1000
SECONDS_A_BATCH = 600
MEMORY = 900 << 20
"""Most bytes in memory; pictures may have 2 megapixels."""
ADDRESSES = 6 << 30
"""Most bytes of addresses, those that are not in memory too: an error says so where this is not enough."""


def described() -> dict[str, bytes]:
    """A picture's metadata, by what they are: nested, and pointing here and there."""
    exif = Image.Exif()
    exif[271], exif[274], exif[282], exif[283] = "a camera", 6, 72.0, 72.0
    exif.get_ifd(0x8769)[36867] = "2026:01:01 00:00:00"
    exif.get_ifd(0x8825)[1] = "N"
    return {"exif": exif.tobytes(), "icc_profile": bytes(range(256)) * 2, "xmp": b"<x:xmpmeta>" + b"x" * 99}


def seeds() -> list[tuple[str, bytes]]:
    """Names and contents of small files of all formats, by all encoders that are there."""
    made: Iterator[tuple[str, bytes]] = (
        (file.name, file.data)
        for name, (make, package) in PROGRAMS.items()
        if name != "ImageMagick" and (package is None or find_spec(package))
        for file in make()
    )
    found = list(made)
    frames = [Image.fromarray(RGB[:24, left : left + 32]) for left in (0, 8, 16)]
    for suffix, form in (("png", "PNG"), ("webp", "WEBP"), ("gif", "GIF"), ("tif", "TIFF")):
        out = io.BytesIO()
        frames[0].save(out, form, save_all=True, append_images=frames[1:], duration=[50, 60, 70], loop=2)
        found.append((f"frames.{suffix}", out.getvalue()))
    for suffix, form in (("png", "PNG"), ("jpg", "JPEG"), ("webp", "WEBP"), ("tif", "TIFF"), ("avif", "AVIF")):
        found.append((f"described.{suffix}", pillow(frames[0], form, **described())))
    if find_spec("rawpy"):
        found.append(("camera.dng", dng()))
    return found


def write_damaged(folder: Path, batch: int) -> None:
    whole = seeds()
    folder.mkdir()
    for number in range(batch * BATCH, min(COUNT, (batch + 1) * BATCH)):
        random = Random(number)
        name, data = whole[number % len(whole)]
        _, other = random.choice(whole)
        folder.joinpath(f"{number:06}-{name}").write_bytes(mutate(data, other, random))


LAUNCH = """
import resource, subprocess, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)
status = subprocess.run(sys.argv[2:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""
"""Runs a command within a limit. A process of its own, since Linux counts the memory of who forks to what is run."""


def clean(*words: object) -> tuple[int, int]:
    """Run the command within limits; gives its status and the most bytes that it or its child had in memory."""
    environment = {**os.environ, "PYTHONPATH": str(Path(denoise_ae.__file__).parents[1])}
    command = [sys.executable, "-m", "denoise_ae", "clean", *map(str, words)]
    launch = [sys.executable, "-c", LAUNCH, str(ADDRESSES), *command]
    with Path("stderr").open("wb") as errors:
        process = subprocess.Popen(
            launch, stdout=subprocess.PIPE, stderr=errors, env=environment, start_new_session=True
        )
        try:
            told, _ = process.communicate(timeout=SECONDS_A_BATCH)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
    return process.returncode, int(told) * (1 if sys.platform == "darwin" else 1024)


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
@pytest.mark.parametrize("batch", range(-(-COUNT // BATCH)))
def test_a_damaged_file_is_cleaned_or_refused(batch, place, network):
    write_damaged(Path("in"), batch)
    # Camera RAW is passed over on walks through folders.
    words = ["in", *Path("in").glob("*.dng"), "-o", "out", "--report", "report.jsonl", "--quiet"]
    status, memory = clean(*words, "--model", network("rgb"), "--threads", 1, "--max-megapixels", 2)
    told = Path("stderr").read_text()
    assert status == 1, told[-2000:]
    lines = [json.loads(line) for line in Path("report.jsonl").read_text().splitlines()]
    assert sorted(line["file"] for line in lines) == sorted(map(str, Path("in").iterdir()))

    cleaned = {line["output"] for line in lines if line["status"] == "cleaned"}
    refused = [line for line in lines if line["status"] == "failed"]
    assert len(cleaned) > 100
    assert len(refused) > 300
    assert len(cleaned) + len(refused) == len(lines)
    for line in refused:
        assert line["file"] in line["error"]
        assert "\n" not in line["error"] + line["hint"]
        for bad in ("the process that cleaned it", "not enough memory", "a fault of denoise-ae"):
            assert bad not in line["error"] + line["hint"], line
    assert {line.split(": ")[0] for line in told.splitlines()} <= {"error", "hint"}, told
    assert {str(path) for path in Path("out").iterdir()} == cleaned
    for path in cleaned:
        assert decode(Path(path).read_bytes(), path).frames
    assert memory < MEMORY, f"{memory >> 20} MiB"
