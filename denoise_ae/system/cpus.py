"""How many CPUs this process may keep busy: the affinity mask, cut to what a container grants."""

from __future__ import annotations

import math
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from denoise_ae.errors import UsageError

MOST_THREADS_A_CPU, FEWEST_LIMIT = 4, 16
"""More than four threads a CPU are refused, but 16 never are, so that a script for one machine runs on another."""


@dataclass(frozen=True)
class CpuLimits:
    """What bounds the CPUs that this process may keep busy."""

    machine: int
    """CPUs of the machine."""
    affinity: int
    """CPUs in this process's affinity mask; all of the machine's where the platform has no such mask."""
    quota: float | None
    """CPUs that a container's control groups grant; None without a quota."""

    @property
    def usable(self) -> int:
        """How many CPUs may be kept busy: the affinity mask, cut to the quota; at least 1."""
        return max(1, math.ceil(min(self.affinity, math.inf if self.quota is None else self.quota)))


def cpu_limits(root: Path = Path("/")) -> CpuLimits:
    """Find out what bounds the CPUs that this process may keep busy.

    Args:
        root: where ``proc`` and ``sys`` lie.
    """
    machine = os.cpu_count() or 1
    affinity = len(os.sched_getaffinity(0)) if sys.platform == "linux" else machine
    quota = _cpu_quota(root)
    return CpuLimits(machine, affinity, None if math.isinf(quota) else quota)


def available_cpus(root: Path = Path("/")) -> int:
    """Return how many CPUs this process may keep busy, see `CpuLimits`."""
    return cpu_limits(root).usable


def check_threads(threads: int | None) -> None:
    """Check a number of threads that somebody asks for: `MOST_THREADS_A_CPU` for each of the machine's CPUs at most.

    Each takes memory, and thousands of them hold up each other for hours.

    Args:
        threads: how many; None: as many as there are CPUs for this process.

    Raises:
        UsageError: it is below 1, or more than that.
    """
    if threads is None:
        return
    if threads < 1:
        raise UsageError(f"{threads} threads can't run a network", "give --threads 1 or more, or leave it out")
    machine = os.cpu_count() or 1
    most = max(FEWEST_LIMIT, MOST_THREADS_A_CPU * machine)
    if threads > most:
        message = f"{threads} threads are too many for {machine} CPU{'s' * (machine > 1)}"
        raise UsageError(message, f"give --threads {most} or less, or leave it out for one a CPU")


def _cpu_quota(root: Path) -> float:
    """Return the CPUs that the control groups (version 1 or 2) of this process grant; infinite without a quota."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return math.inf
    quota = math.inf
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            mounts, limit, period = ["unified", "."], "cpu.max", None
        elif "cpu" in controllers.split(","):
            mounts, limit, period = [controllers, "cpu"], "cpu.cfs_quota_us", "cpu.cfs_period_us"
        else:
            continue
        # Any group above may hold the quota; in a container only the end of the path may be there.
        group = Path(path.lstrip("/"))
        for folder in (root / "sys/fs/cgroup" / mount / part for mount in mounts for part in (group, *group.parents)):
            quota = min(quota, _read_quota(folder, limit, period))
    return quota


def _read_quota(folder: Path, limit: str, period: str | None) -> float:
    """Read microseconds of CPU time for each period; ``max`` or a negative number means no quota."""
    try:
        words = (folder / limit).read_text().split()
        if period is not None:
            words.append((folder / period).read_text())
        granted, each = float(words[0]), float(words[1])
    except (OSError, ValueError, IndexError):
        return math.inf
    return granted / each if granted > 0 and each > 0 else math.inf
