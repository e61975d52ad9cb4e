"""The figures of speed and accuracy in README and docs are those of the file that `make bench` writes."""

import pytest

from benchmarks.results import RESULTS, key_of, read_results
from docs.write_speed import ISA, PAGE, README, page_text, readme_text, with_speed

RECORDS = read_results(RESULTS)


@pytest.mark.parametrize(("path", "write"), [(README, readme_text), (PAGE, page_text)], ids=["README", "docs"])
def test_the_figures_are_those_of_the_results(path, write):
    page = path.read_text(encoding="utf-8")
    if not RECORDS:  # then it says whose figures it shows
        assert "arlier version" in with_marks(page)
        return
    assert with_speed(page, write(RECORDS)) == page, "make docs writes the figures of benchmarks/results"


def with_marks(page):
    return page.split("from benchmarks/results -->\n")[1].partition("\n##")[0]


def record(name="photos", isa=ISA, **changes):
    ours = {"reader": "ocdrnet", "images_per_second": 7.512, "times_faster": 1.0, "times_less_cpu": 1.0, "words": 0.9}
    theirs = {"reader": "turboocr", "images_per_second": 8.0, "times_faster": 0.94, "times_less_cpu": 1.2}
    ours["cpu_seconds"], theirs["cpu_seconds"] = 0.5231, 0.628
    found = {"set": name, "isa": isa, "images": 60, "rounds": 5, "busy_elsewhere": 0.0, "readers": [ours, theirs]}
    found |= {
        "measured": "on a day",
        "commit": "abc",
        "machine": {"cpu": "Intel(R) Xeon(R) Processor (avx2)", "cores": 2, "versions": {}},
    }
    return found | changes


def test_readme_shows_speed_and_words_of_its_instruction_set():
    records = {key_of("photos", ISA): record(), key_of("dense", "native"): record("dense", "native")}
    text = readme_text(records)
    assert "on an Intel Xeon limited to" in text
    (row,) = [line for line in text.splitlines() if line.startswith("| 60")]
    cells = "0.523; 0.900 | not measured | not measured | not measured | 0.628"
    assert row == f"| 60 street photos (ICDAR 2015) | {cells} |"
    page = readme_text({key_of("dense", ISA): record("dense", images=1)})
    assert "| a dense page of 272 lines | 0.523" in page


def test_the_page_says_how_busy_the_machine_was():
    assert "other work took 50% of its processor time" in page_text({"": record(busy_elsewhere=0.5)})
    assert "The machine was quiet" in page_text({"": record()})


def test_the_page_says_where_we_lose():
    text = page_text({"": record()})
    assert "| turboocr | 8 (0.94, 1.20) |" in text
    assert "| turboocr | - / - / - |" in text
    assert "| ocdrnet | - / - / 0.900 |" in text
    assert f"- photos, {ISA}: 2 x turboocr: short, 0.94 x by time, 1.20 x by CPU time" in text
    assert (
        "Measured on a day at commit abc in 5 alternating rounds on Intel(R) Xeon(R) Processor (avx2), 2 cores" in text
    )
    assert f"- photos, {ISA}: turboocr is faster, 0.94 x by time and 1.20 x by CPU time." in text
    won = record()
    won["readers"][1] |= {"times_faster": 2.0, "times_less_cpu": 2.0}
    assert "fastest on each set" in page_text({"": won})
    assert "2 x turboocr: met" in page_text({"": won})
    won["readers"][1]["times_less_cpu"] = 1.9
    assert "2 x turboocr: met" in page_text({"": won})
    assert "2 x turboocr: short" in page_text({"": won | {"busy_elsewhere": 0.3}})  # by CPU time, too
    assert "2 x turboocr" not in page_text({"": won | {"isa": "native"}})


def test_what_was_not_measured_and_a_page_without_marks_are_errors():
    with pytest.raises(ValueError, match="make bench"):
        readme_text({key_of("photos", "native"): record(isa="native")})
    with pytest.raises(ValueError, match="mark of its figures"):
        with_speed("no mark", "text")


@pytest.mark.parametrize("path", [README, PAGE], ids=["README", "docs"])
def test_only_the_figures_are_replaced(path):
    page = path.read_text(encoding="utf-8")
    before, rest = page.split("from benchmarks/results -->\n")
    heading = rest[rest.index("\n##") :]
    once = with_speed(page, "one\n")
    assert once == f"{before}from benchmarks/results -->\none\n{heading}"
    assert with_speed(once, "two\n") == once.replace("-->\none\n", "-->\ntwo\n")


def test_writing_twice_changes_nothing():
    page = PAGE.read_text(encoding="utf-8")
    text = page_text({"": record()})
    assert with_speed(with_speed(page, text), text) == with_speed(page, text)
