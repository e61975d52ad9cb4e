"""A program that becomes another one, after arranging to be killed when its parent's thread ends.

Run as `python -I -S parent_watch.py PARENT_PID PROGRAM [ARGUMENT]...`. The request to the kernel outlives the exec.
It is a program of its own, not a `preexec_fn`, because that would run Python between fork and exec, which may
deadlock in a process with threads.
"""

import ctypes
import os
import signal
import sys

# <linux/prctl.h>
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ties this process to its parent and becomes the program named in the arguments."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        sys.exit(f"error: prctl(PR_SET_PDEATHSIG): {os.strerror(ctypes.get_errno())}")
    # The parent may have ended before the request was made; no signal comes for that.
    if os.getppid() != parent:
        sys.exit("error: the process that started Triton has ended")
    try:
        os.execv(command[0], command)
    except OSError as error:
        sys.exit(f"error: cannot start {command[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
