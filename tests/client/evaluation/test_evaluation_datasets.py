"""Pictures, truth and lists of words on the disk."""

import pytest

from ocdrnet_evaluation.datasets import LAYOUTS, Vocabulary, load_dataset, load_vocabulary
from ocdrnet_evaluation.errors import EvaluationError, TruthError, VocabularyError

LINE = "0,0,9,0,9,9,0,9,text\n"


@pytest.fixture
def folder(tmp_path):
    for name in ("img_1.jpg", "img_2.png"):
        (tmp_path / name).write_bytes(b"picture")
    return tmp_path


@pytest.mark.parametrize(
    ("layout", "names"),
    [
        ("icdar2015", ("gt_img_1.txt", "gt_img_2.txt")),
        ("sroie", ("img_1.csv", "img_2.csv")),
        ("sroie", ("img_1.txt", "img_2.csv")),
    ],
)
def test_truth_is_found_by_the_images_name(folder, layout, names):
    for name in names:
        (folder / name).write_text(LINE)
    dataset = load_dataset(LAYOUTS[layout], folder, folder)
    assert [case.name for case in dataset.cases] == ["img_1.jpg", "img_2.png"]
    assert [case.regions[0].text for case in dataset.cases] == ["text", "text"]
    assert dataset.warnings == ()


def test_pages_have_text(folder):
    (folder / "img_1.txt").write_text("two\nlines, and a comma")
    dataset = load_dataset(LAYOUTS["pages"], folder, folder)
    assert [case.text for case in dataset.cases] == ["two\nlines, and a comma"]


def test_images_without_truth_are_left_out_with_a_warning(folder):
    (folder / "gt_img_1.txt").write_text(LINE)
    dataset = load_dataset(LAYOUTS["icdar2015"], folder, folder)
    assert [case.name for case in dataset.cases] == ["img_1.jpg"]
    assert dataset.warnings == ("left out for want of truth: img_2.png",)


def test_no_truth_at_all_is_an_error_that_says_what_is_expected(folder):
    with pytest.raises(EvaluationError, match=r"has truth in .* \(NAME\.csv or NAME\.txt\); images: 2"):
        load_dataset(LAYOUTS["sroie"], folder, folder)


def test_two_images_of_one_name_are_an_error(folder):
    (folder / "img_1.png").write_bytes(b"picture")
    with pytest.raises(EvaluationError, match=r"img_1\.jpg, .*img_1\.png"):
        load_dataset(LAYOUTS["icdar2015"], folder, folder)


def test_odd_bytes_are_a_warning(folder):
    (folder / "gt_img_1.txt").write_bytes(LINE.encode() + "0,0,9,0,9,9,0,9,caf\xe9\n".encode("latin-1"))
    dataset = load_dataset(LAYOUTS["icdar2015"], folder, folder)
    assert dataset.cases[0].regions[1].text == "caf\ufffd"
    assert "gt_img_1.txt is not UTF-8" in dataset.warnings[0]


def test_a_malformed_truth_names_file_and_line(folder):
    (folder / "gt_img_1.txt").write_text(f"{LINE}what is this\n")
    with pytest.raises(TruthError, match=r"gt_img_1\.txt, line 2: 'what is this' has 1 fields"):
        load_dataset(LAYOUTS["icdar2015"], folder, folder)


def test_vocabularies_for_all_and_for_one_image(tmp_path):
    (tmp_path / "all.txt").write_text("\ufeffcommon\r\n\r\nwords\r\n", encoding="utf-8")
    (tmp_path / "voc_img_1.txt").write_text("OWN\n")
    assert load_vocabulary([]) == Vocabulary()
    vocabulary = load_vocabulary([tmp_path / "all.txt", tmp_path])
    assert vocabulary.words_for("img_1") == ("OWN", "common", "words")
    with pytest.raises(VocabularyError, match=r"no voc_img_2\.txt"):
        vocabulary.words_for("img_2")


def test_a_folder_without_vocabularies_is_an_error(tmp_path):
    with pytest.raises(VocabularyError, match="no file voc_NAME"):
        load_vocabulary([tmp_path])
