"""How many CPUs may be kept busy: control groups of both versions, and the affinity mask."""

import pytest

from denoise_ae.system import cpus
from denoise_ae.system.cpus import available_cpus


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


CGROUPS = {
    "none": ({}, None),
    "v2": ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "150000 100000\n"}, 2),
    "v2, set further up": (
        {
            "proc/self/cgroup": "0::/a/b\n",
            "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
            "sys/fs/cgroup/a/cpu.max": "100000 100000\n",
        },
        1,
    ),
    "v2, unlimited": ({"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/cpu.max": "max 100000\n"}, None),
    "v2 in a container": ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"}, 1),
    "v1": (
        {
            "proc/self/cgroup": "5:cpu,cpuacct:/docker/x\n4:memory:/docker/x\n",
            "sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_quota_us": "300000\n",
            "sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_period_us": "100000\n",
        },
        3,
    ),
    "v1 in a container": (
        {
            "proc/self/cgroup": "5:cpu,cpuacct:/docker/x\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "200000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
        2,
    ),
    "v1, unlimited": (
        {
            "proc/self/cgroup": "5:cpu:/\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
        None,
    ),
    "nonsense": ({"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/cpu.max": "\n"}, None),
}


@pytest.mark.parametrize("case", CGROUPS)
def test_a_containers_quota_counts(tmp_path, monkeypatch, case):
    files, expected = CGROUPS[case]
    for name, text in files.items():
        write(tmp_path / name, text)
    monkeypatch.setattr(cpus.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(cpus.sys, "platform", "linux")
    assert available_cpus(tmp_path) == (expected or 8)


def test_the_affinity_mask_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(cpus.os, "sched_getaffinity", lambda _: {5}, raising=False)
    monkeypatch.setattr(cpus.sys, "platform", "linux")
    assert available_cpus(tmp_path) == 1
