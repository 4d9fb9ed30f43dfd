"""Run the stand-alone program on samples, with no Python to be found: `python app/smoke.py dist/denoise-ae`."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "samples" / "noisy"


def run(*words: str | Path, cwd: Path) -> str:
    """Run the program with an empty home, no PATH and nothing of Python's in the environment."""
    kept = {name: os.environ[name] for name in ("LANG", "SYSTEMROOT", "TEMP", "TMP") if name in os.environ}
    environment = kept | {"PATH": "", "QT_QPA_PLATFORM": "offscreen", "DENOISE_AE_HOME": str(cwd / "home")}
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> None:
    """Clean samples by command line, in a batch with its child process, and in the window."""
    program = Path(sys.argv[1]).resolve() / ("denoise-ae.exe" if os.name == "nt" else "denoise-ae")
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        models = run(program, "models", cwd=place)
        assert "photo" in models, models
        run(program, "clean", SAMPLES / "cat.png", SAMPLES / "page.png", "-o", place / "batch", cwd=place)
        run(program, "--smoke", SAMPLES / "cat.png", place / "window.png", cwd=place)
        results = [place / "batch" / "cat.png", place / "batch" / "page.png", place / "window.png"]
        for result in results:
            assert result.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n", result
            assert result.stat().st_size > 10_000, result
        # The noise is gone: what is left takes far less room.
        assert results[0].stat().st_size < 0.8 * (SAMPLES / "cat.png").stat().st_size
    print(f"{program} cleans samples by command line, in a batch and in its window")


if __name__ == "__main__":
    main()
