"""What became of each picture as a line of JSON: for ``--json`` and for ``--report``."""

from __future__ import annotations

import json
import sys
from typing import Any

from denoise_ae.batch.jobs import Cleaned, Failed, Outcome, Planned, Repaired, Skipped
from denoise_ae.batch.planning import STREAM
from denoise_ae.errors import DenoiseError


def record(event: Outcome) -> str:
    """Return what became of a picture as a line of JSON without its end; ``--help`` lists the fields."""
    names = {"file": str(event.job.source or STREAM), "output": str(event.job.output) if event.job.output else None}
    return json.dumps(names | _outcome(event))


def _outcome(event: Outcome) -> dict[str, Any]:
    if isinstance(event, Planned):
        return {"status": "planned", "megapixels": event.megapixels, "replaces": event.replaces}
    if isinstance(event, Skipped):
        return {"status": "skipped", "reason": event.reason}
    if isinstance(event, Failed):
        return failure(event.error)
    status = "repaired" if isinstance(event, Repaired) else "cleaned"
    fields = {"status": status, "megapixels": round(event.megapixels, 6), "seconds": round(event.seconds, 3)}
    if isinstance(event, Cleaned):
        found: dict[str, Any] = {"sigma": round(event.sigma, 2), "sigma_estimated": event.estimated}
        found["little_noise"] = event.little_noise
        found |= {"change_rms": round(event.applied_rms, 2), "changed_share": round(event.changed_share, 4)}
        found |= {"spared_share": round(event.spared_share, 4), "hot_pixels": event.hot_pixels}
    else:
        assert isinstance(event, Repaired)
        found = {"share": round(event.share, 6), "spots": event.spots}
    return fields | found | {"warnings": list(event.warnings)}


def failure(error: DenoiseError) -> dict[str, Any]:
    """Return what a record says of a picture that failed."""
    return {"status": "failed", "error": error.message, "hint": error.hint}


def print_out(line: str) -> None:
    """Print a line on stdout at once, so that another program sees it when it is true."""
    if sys.stdout is not None:  # it is where the process was started without
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
