import re
import threading
from pathlib import Path

from ocdrnet_triton.stall_guard import StallGuard


def test_wakes_are_a_threads_own_voluntary_switches():
    """Not the involuntary ones, which stand on the next line of the file."""
    go, done = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: (go.wait(), done.wait()), daemon=True)
    thread.start()
    guard = StallGuard(thread.native_id)
    status = Path(f"/proc/self/task/{thread.native_id}/status")
    counts = []
    for event in (go, done):
        switches = re.findall(r"^voluntary_ctxt_switches:\s*(\d+)$", status.read_text(), re.MULTILINE)
        counts.append(int(switches[0]))
        assert guard._wakes() == counts[-1]
        event.set()
        if event is go:
            while status.read_text().split("State:\t")[1][0] != "S" or guard._wakes() == counts[-1]:
                done.wait(0.001)
    thread.join()
    assert counts[1] > counts[0]
