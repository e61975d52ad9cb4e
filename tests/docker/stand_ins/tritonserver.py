"""`tritonserver` of NVIDIA's container: the pip package's, on a copy of the repository that is made fit for it.

The copy lies in /tmp. What is changed in it stands in /tmp/changes, a line each; of the flags none is.
"""

import os
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
COPY = Path("/tmp/repository")
FLAG = "--model-repository="


def main():
    from for_pip_triton import adapt_repository

    (given,) = (argument.removeprefix(FLAG) for argument in sys.argv[1:] if argument.startswith(FLAG))
    shutil.rmtree(COPY, ignore_errors=True)
    shutil.copytree(given, COPY, copy_function=shutil.copyfile)
    Path("/tmp/changes").write_text("\n".join(adapt_repository(COPY)) + "\n")
    flags = [f"{FLAG}{COPY}" if argument.startswith(FLAG) else argument for argument in sys.argv[1:]]
    own = ["--backend-directory=/opt/tritonserver/backends", "--allow-gpu-metrics=false"]
    environment = {**os.environ, "LD_LIBRARY_PATH": str(HERE / "libraries")}
    os.execve(HERE / "pip-tritonserver", ["tritonserver", *flags, *own], environment)


if __name__ == "__main__":
    main()
