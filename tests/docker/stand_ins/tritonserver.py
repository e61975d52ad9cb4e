"""`tritonserver` of NVIDIA's container: the pip package's, on a copy of the repository that is made fit for it.

The copy lies in /tmp. What is changed in it, and flags that are left out, stand in /tmp/changes, a line each.
"""

import os
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
COPY = Path("/tmp/repository")
FLAG = "--model-repository="
NEWER = ("--http-max-input-size=",)  # flags that Triton 2.51 does not know


def main():
    from for_pip_triton import adapt_repository

    (given,) = (argument.removeprefix(FLAG) for argument in sys.argv[1:] if argument.startswith(FLAG))
    shutil.rmtree(COPY, ignore_errors=True)
    shutil.copytree(given, COPY, copy_function=shutil.copyfile)
    newer = [argument for argument in sys.argv[1:] if argument.startswith(NEWER)]
    changes = [*adapt_repository(COPY), *(f"{argument} is left out" for argument in newer)]
    Path("/tmp/changes").write_text("\n".join(changes) + "\n")
    kept = [argument for argument in sys.argv[1:] if argument not in newer]
    flags = [f"{FLAG}{COPY}" if argument.startswith(FLAG) else argument for argument in kept]
    own = ["--backend-directory=/opt/tritonserver/backends", "--allow-gpu-metrics=false"]
    environment = {**os.environ, "LD_LIBRARY_PATH": str(HERE / "libraries")}
    os.execve(HERE / "pip-tritonserver", ["tritonserver", *flags, *own], environment)


if __name__ == "__main__":
    main()
