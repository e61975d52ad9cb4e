"""`ocdrnet bulk` on a real server, killed at random: each image once, equal to an undisturbed run."""

import os
import random
import time

import pytest
from bulk_kills import QUICK, draw_words, images_of, results_of, run_killed, start_bulk

# 2,000 in the acceptance run.
COUNT = int(os.environ.get("OCDRNET_BULK_PICTURES", "200"))
SHARDS = 4


@pytest.mark.full
def test_killed_three_times_the_output_is_that_of_an_undisturbed_run(served, tmp_path, capsys):
    pictures = tmp_path / "pictures"
    draw_words(pictures, COUNT)
    (pictures / "0" / "broken.png").write_bytes(b"no picture")
    seed = random.randrange(2**32)
    arguments = (pictures, "--url", served.addresses.grpc_url, "--shards", SHARDS, *QUICK)
    with (tmp_path / "log").open("w+") as log:
        began = time.monotonic()
        undisturbed = start_bulk(*arguments, "--output", tmp_path / "once", log=log).wait()
        middle = time.monotonic()
        found, code = run_killed(arguments, tmp_path / "killed", COUNT, 3, random.Random(seed), log)
        end = time.monotonic()
    said = (tmp_path / "log").read_text()
    with capsys.disabled():
        print(f"\nseed {seed}: undisturbed {middle - began:.1f} s, killed {end - middle:.1f} s; at {found}; {said}")
    assert (undisturbed, code) == (1, 1), (seed, said)
    # Every kill hit a run under way, and what was done before it was kept.
    assert all(was_running for _, was_running in found), seed
    assert 0 < found[0][0] <= found[1][0] <= found[2][0], (seed, found)
    expected = sorted(path.relative_to(pictures).as_posix() for path in pictures.rglob("0*.png"))
    assert len(expected) == COUNT
    assert images_of(tmp_path / "killed") == expected, seed
    assert results_of(tmp_path / "killed") == results_of(tmp_path / "once"), seed
    failures = [
        sorted(path.read_text() for path in (tmp_path / run / "failures").iterdir()) for run in ("once", "killed")
    ]
    assert failures[0] == failures[1]
    assert "".join(failures[0]).count("0/broken.png") == 1
