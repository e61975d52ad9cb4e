"""What a server and its stubs hold of the machine's memory."""

from pathlib import Path

import psutil


def stub_pids(pid):
    """Of the processes below the server."""
    return {child.pid for child in psutil.Process(pid).children(recursive=True)}


def held_bytes(pid):
    """Bytes of each process of the server's family by name, and of the files in /dev/shm that it has open.

    Private pages are counted, not resident ones: the stubs' shared memory would count once for each process.
    """
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    held = {f"{process.name()} {process.pid}": process.memory_full_info().uss for process in family}
    return held | {"/dev/shm": sum(path.stat().st_blocks * 512 for path in _shared_files(family))}


def _shared_files(family):
    files = {mapped.path for process in family for mapped in process.memory_maps() if "/dev/shm/" in mapped.path}
    return [path for path in map(Path, files) if path.exists()]
