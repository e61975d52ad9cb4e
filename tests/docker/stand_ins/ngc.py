"""NGC in the cluster's network: serves files of a folder, `MODEL:VERSION/NAME`, until it is ended.

python ngc.py FOLDER VARIABLES      # a file that gets the variables that a download needs, as JSON
"""

import json
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "deploy/ngc"))
from ngc_stand_in import KEY, Storage, serving


def main():
    folder, variables = map(Path, sys.argv[1:])
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with serving(Storage(files)) as url:
        fresh = variables.with_suffix(".new")
        fresh.write_text(json.dumps({"OCDRNET_NGC_URL": url, "NGC_API_KEY": KEY}))
        fresh.rename(variables)
        threading.Event().wait()


if __name__ == "__main__":
    main()
