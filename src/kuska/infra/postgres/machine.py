"""What this machine grants us: memory and cores, as the innermost limit (cgroup or hardware) says."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

MIB = 1024 * 1024
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Machine:
    memory: int  # bytes
    cores: int
    shared_memory: int  # bytes that /dev/shm can hold; containers often have only 64 MB there
    free_disk: int  # bytes free where the data folder lies


def this_machine(folder: Path) -> Machine:
    return Machine(
        memory=min([_hardware_memory(), *_cgroup_memory()]),
        cores=max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1),
        shared_memory=_free(Path("/dev/shm")),  # noqa: S108 - the kernel's shared memory, not a temporary file
        free_disk=_free(folder),
    )


def _free(path: Path) -> int:
    while not path.exists() and path != path.parent:
        path = path.parent
    return shutil.disk_usage(path).free


def _hardware_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _cgroup_memory() -> list[int]:
    """Every memory limit between our own cgroup and the root; an ancestor's limit binds as well."""
    limits: list[int] = []
    try:
        lines = Path("/proc/self/cgroup").read_text("ascii").splitlines()
    except OSError:
        return limits
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers not in {"", "memory"}:
            continue
        top = _CGROUP if controllers == "" else _CGROUP / "memory"
        file = "memory.max" if controllers == "" else "memory.limit_in_bytes"
        place = top / path.lstrip("/")
        for folder in (place, *place.parents):
            try:
                text = (folder / file).read_text("ascii").strip()
            except OSError:
                text = "max"
            if text.isdigit() and int(text) < 1 << 60:
                limits.append(int(text))
            if folder == top:
                break
    return limits
