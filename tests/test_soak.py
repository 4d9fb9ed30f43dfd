"""Memory stays flat however many pictures there are: `train/bench/soak.py` at a smaller size."""

import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")


@pytest.fixture
def soak(monkeypatch):
    """The script as a module, with the package that is tested for what it starts."""
    root = Path(__file__).parents[1]
    monkeypatch.syspath_prepend(root / "train" / "bench")
    monkeypatch.setenv("PYTHONPATH", str(root))
    # So few pictures don't fill what glibc keeps for later; let it give all back, that what is held shows.
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "65536")
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "65536")
    import soak

    return soak


@pytest.mark.parametrize("kind", ["small", "mixed"])
def test_memory_stays_flat(soak, tmp_path, network, kind):
    folder = tmp_path / "in"
    folder.mkdir()
    pictures = soak.make_small(folder, 300) if kind == "small" else soak.make_mixed(folder, megapixels=0.4, rounds=16)
    quarters = soak.soak(folder, tmp_path / "out", pictures, "--model", str(network("told")), "--threads", "1")
    assert len(list((tmp_path / "out").iterdir())) == pictures
    assert min(quarters.means) > 20e6, "at least Python and numpy must have been counted"
    assert quarters.growth <= soak.LIMIT, (quarters.means, quarters.peaks)


CLEANER = """
import sys, time
kept = []
for number in range(40):
    kept.append({bytes})
    time.sleep(0.01)
    print(number, flush=True)
"""


@pytest.mark.parametrize(("bytes_a_picture", "least", "most"), [(0, -0.01, 0.01), (500_000, 0.1, 0.6)])
def test_what_is_kept_of_each_picture_shows_also_where_a_child_keeps_it(soak, bytes_a_picture, least, most):
    program = CLEANER.format(bytes=f"b'x' * {bytes_a_picture}")
    parent = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)"
    quarters = soak.sample([sys.executable, "-c", parent, sys.executable, "-c", program], 40)
    assert least <= quarters.growth <= most
