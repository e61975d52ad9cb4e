"""Runs `ocdrnet bulk` as a process, and ends it with SIGKILL at random moments."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

LETTERS = "ABCDEFGHKLMNPRSTUVWXYZ"
# Small images are read at their own size.
QUICK = ("--param", "detector_side=32", "--param", "upside_down=off")


def draw_words(folder, count, seed=5):
    """Pictures of 96x32 pixels with a random word each, in folders of up to 500."""
    chance = random.Random(seed)
    font = ImageFont.load_default(22)
    for index in range(count):
        place = folder / f"{index // 500}"
        place.mkdir(parents=True, exist_ok=True)
        picture = Image.new("RGB", (96, 32), "white")
        word = "".join(chance.choices(LETTERS, k=chance.randint(3, 6)))
        ImageDraw.Draw(picture).text((4, 3), word, "black", font=font)
        picture.save(place / f"{index:05}.png")


def start_bulk(*arguments, log):
    command = Path(sys.executable).with_name("ocdrnet")
    return subprocess.Popen([command, "bulk", *map(str, arguments)], stdout=log, stderr=log)


def done_so_far(output):
    """Pictures in results and journals; a shard that is being published has both."""
    done = {path.stem: path.read_bytes().count(b"\n") - 1 for path in output.glob(".work/*.journal")}
    done |= {path.stem: path.read_bytes().count(b"\n") for path in output.glob("results/*.jsonl")}
    return sum(done.values())


def run_killed(arguments, output, count, kills, chance, log):
    """Run to the end, killed at that many random counts; the counts found after each kill."""
    found = []
    for limit in sorted(chance.sample(range(count // 20, count * 9 // 10), kills)):
        process = start_bulk(*arguments, "--output", output, log=log)
        while done_so_far(output) < limit and process.poll() is None:
            time.sleep(0.02)
        was_running = process.poll() is None
        process.kill()
        process.wait()
        found.append((done_so_far(output), was_running))
    process = start_bulk(*arguments, "--output", output, log=log)
    return found, process.wait()


def results_of(output):
    """Results by shard file, as text."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(output.glob("results/*"))}


def images_of(output):
    """The image of every line of the results, in their order."""
    lines = [line for text in results_of(output).values() for line in text.splitlines()]
    return [json.loads(line)["image"] for line in lines]
