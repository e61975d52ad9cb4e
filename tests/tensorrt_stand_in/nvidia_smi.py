"""`nvidia-smi` without a GPU: answers the one question that the project asks it. The GPUs: $STAND_IN_GPUS."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "tensorrt"))
from plan_file import gpus

if sys.argv[1:] != ["--query-gpu=index,uuid,compute_cap,name", "--format=csv,noheader"]:
    sys.exit(f"Invalid combination of input arguments: {sys.argv[1:]}")
for gpu in gpus():
    print(", ".join(gpu))
if not gpus():
    print("No devices were found")
