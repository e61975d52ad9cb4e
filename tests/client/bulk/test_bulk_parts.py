"""The parts of `ocdrnet bulk` without a server: sources, listing, manifest, journal, locks, completion."""

import codecs
import json
import multiprocessing
import os

import pytest
from client_answers import EMPTY, SPELLED, TWO_LINES
from fsspec.implementations.local import LocalFileSystem

from ocdrnet_bulk.errors import BulkError, ManifestError, OutputError, ShardBusyError, SourceError
from ocdrnet_bulk.formats import JsonLines
from ocdrnet_bulk.journal import Journal, Record
from ocdrnet_bulk.planning import Manifest, Settings, check_settings, held_lock, load_manifest
from ocdrnet_bulk.shards import ShardFiles
from ocdrnet_bulk.source_files import RemoteFolder, RemoteList, open_source
from ocdrnet_bulk.sources import Listing, read_names, write_names
from ocdrnet_bulk.store import LocalStore, prepare_work, write_published

SETTINGS = Settings("/pictures", None, "jsonl", 3, {"merge": "word"})
PAGE = {**TWO_LINES.to_dict(), "image": "a.png"}


@pytest.fixture
def store(tmp_path):
    made = LocalStore(tmp_path / "out")
    prepare_work(made)
    return made


def filled(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder


def listed(argument):
    return sorted(open_source(str(argument)).entries())


def test_a_folder_gives_images_at_any_depth_but_no_hidden_ones_and_no_overlays(tmp_path):
    filled(tmp_path, "a.png", "deep/er/b.JPG", ".c.png", ".hidden/d.png", "a.overlay.png", "notes.txt")
    assert listed(tmp_path) == listed(f"file://{tmp_path}") == ["a.png", "deep/er/b.JPG"]
    assert open_source(str(tmp_path)).file("a.png") == tmp_path / "a.png"


def test_a_link_in_a_circle_ends(tmp_path):
    filled(tmp_path, "a.png")
    (tmp_path / "again").symlink_to(tmp_path)
    assert listed(tmp_path) == ["a.png"]


def test_a_glob_gives_files_of_any_suffix_below_its_fixed_part(tmp_path):
    filled(tmp_path, "x/1/a.scan", "x/2/b.scan", "x/2/c.png")
    assert listed(tmp_path / "x" / "**" / "*.scan") == ["1/a.scan", "2/b.scan"]


def test_a_list_gives_its_lines_and_reads_beside_itself(tmp_path):
    filled(tmp_path, "a b.png")
    (tmp_path / "list.txt").write_bytes(b"a b.png\r\n\n  \ns3://bucket/c.png\n/absolute.png")
    source = open_source(str(tmp_path / "list.txt"))
    assert list(source.entries()) == ["a b.png", "s3://bucket/c.png", "/absolute.png"]
    assert source.file("a b.png") == tmp_path / "a b.png"
    before = source.digest
    (tmp_path / "list.txt").write_text("a b.png\n")
    assert open_source(str(tmp_path / "list.txt")).digest not in (before, None)


ENTRIES = ["a.png", "Grüße/b.png", "s3://bucket/./c.png"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_list_may_be_in_utf_16_or_have_a_byte_order_mark(tmp_path, encoding, end):
    (tmp_path / "list.txt").write_bytes(end.join(ENTRIES).encode(encoding))
    assert list(open_source(str(tmp_path / "list.txt")).entries()) == ENTRIES
    assert list(remote_list(tmp_path).entries()) == ENTRIES


def remote_list(folder):
    """The same list as an object of a store."""
    return RemoteList(f"file://{folder}/list.txt", LocalFileSystem(), f"{folder}/list.txt")


def test_a_big_endian_utf_16_list_with_a_mark_is_read(tmp_path):
    (tmp_path / "list.txt").write_bytes(codecs.BOM_UTF16_BE + "a.png\nb.png".encode("utf-16-be"))
    assert list(open_source(str(tmp_path / "list.txt")).entries()) == ["a.png", "b.png"]


def test_a_list_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "list.txt").write_bytes(codecs.BOM_UTF16_LE + b"a\0.\0\xd8")
    for source in (open_source(str(tmp_path / "list.txt")), remote_list(tmp_path)):
        with pytest.raises(SourceError, match=r"list\.txt is no text in UTF-8 or UTF-16"):
            list(source.entries())


def test_a_name_that_is_no_utf_8_stays_itself(tmp_path):
    (tmp_path / "list.txt").write_bytes(b"caf\xe9.png\n")
    assert [os.fsencode(entry) for entry in open_source(str(tmp_path / "list.txt")).entries()] == [b"caf\xe9.png"]


def test_a_path_in_a_list_has_one_spelling(tmp_path):
    (tmp_path / "list.txt").write_text("./a.png\na.png\nx//b.png\nx/./b.png\n../c.png\nhttp://host//a.png\n")
    expected = ["a.png", "a.png", "x/b.png", "x/b.png", "../c.png", "http://host//a.png"]
    for source in (open_source(str(tmp_path / "list.txt")), remote_list(tmp_path)):
        assert list(source.entries()) == expected


def test_a_folder_counts_what_it_leaves_out(tmp_path):
    filled(tmp_path, "a.png", "deep/b.docx", ".c.png", ".hidden/d.png", "a.overlay.png")
    (tmp_path / "linked").symlink_to(tmp_path / "deep")
    told = "left out: 1 files of other kinds (.docx), 2 hidden ones, 1 overlays of earlier runs"
    local = open_source(str(tmp_path))
    assert list(local.entries()) == ["a.png"]
    assert (
        str(local.left_out) == f"{told}, 1 links to folders ({tmp_path / 'linked'}), which are read if they are named"
    )
    (tmp_path / "linked").unlink()
    remote = RemoteFolder(f"file://{tmp_path}", LocalFileSystem(), str(tmp_path))
    assert list(remote.entries()) == ["a.png"]
    assert str(remote.left_out) == told


@pytest.mark.parametrize(
    ("name", "text"), [("missing", "no folder, no file"), ("a.png", "is one image"), ("b.pdf", "document; give a")]
)
def test_what_is_no_source_is_refused(tmp_path, name, text):
    filled(tmp_path, "a.png", "b.pdf")
    with pytest.raises(SourceError, match=text):
        open_source(str(tmp_path / name))


def test_an_unknown_scheme_is_refused_with_the_url():
    with pytest.raises(BulkError, match="nonsense://x"):
        open_source("nonsense://x")


def test_a_listing_sorts_and_keeps_each_name_once(tmp_path):
    odd = ["b\n.png", os.fsdecode(b"\xff.png"), "é.png", "a.png", "b\n.png"]
    with Listing(tmp_path / "names") as listing:
        assert listing.add_all(odd) == 4
        assert listing.add_all(["a.png", "c.png"]) == 5
        names = list(listing.names())
    assert names == sorted(set(odd) | {"c.png"}, key=os.fsencode)
    assert not (tmp_path / "names").exists()
    write_names(names, tmp_path / "lines")
    assert list(read_names(tmp_path / "lines")) == names


@pytest.mark.parametrize(("pictures", "shards"), [(10, 3), (2, 5), (1, 1), (12, 4)])
def test_shards_cover_all_images_evenly(pictures, shards):
    manifest = Manifest("r", Settings("s", None, "jsonl", shards, {}), pictures, "now")
    bounds = [manifest.bounds(shard) for shard in range(shards)]
    assert [first for first, _ in bounds] == [0, *(end for _, end in bounds[:-1])]
    assert bounds[-1][1] == pictures
    sizes = [manifest.size(shard) for shard in range(shards)]
    assert max(sizes) - min(sizes) <= 1


def test_a_manifest_survives_its_file(store):
    assert load_manifest(store) is None
    manifest = Manifest("run", SETTINGS, 7, "2026-01-01T00:00:00+00:00")
    write_published(store, "manifest.json", manifest.to_json())
    assert load_manifest(store) == manifest


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": "ocdrnet-bulk", "version": 2}'])
def test_a_foreign_manifest_is_refused(store, content):
    write_published(store, "manifest.json", content)
    with pytest.raises(ManifestError, match="--restart"):
        load_manifest(store)


@pytest.mark.parametrize(
    ("now", "text"),
    [
        (("/other", None, "jsonl", 3, {"merge": "word"}), "source was '/pictures', now '/other'"),
        (("/pictures", "d", "jsonl", 3, {"merge": "word"}), "the list of images has changed"),
        (("/pictures", None, "parquet", 3, {"merge": "word"}), "format was 'jsonl', now 'parquet'"),
        (("/pictures", None, "jsonl", 4, {"merge": "word"}), "shards was 3, now 4"),
        (("/pictures", None, "jsonl", 3, {}), "parameters was {'merge': 'word'}, now {}"),
    ],
)
def test_other_settings_are_refused_by_name(now, text):
    manifest = Manifest("run", SETTINGS, 7, "now")
    check_settings(manifest, SETTINGS)
    with pytest.raises(ManifestError) as refused:
        check_settings(manifest, Settings(*now))
    assert text in str(refused.value)


RECORDS = [Record("a.png", PAGE), Record("b\ud8ff.png", error="InvalidRequestError", reason="bad")]


@pytest.mark.parametrize("tail", [b"", b'{"image": "c', b'{"image": "c"}', b"\0\0\0\n", b"\0\0"])
def test_a_journal_goes_on_behind_its_last_whole_line(tmp_path, tail):
    with Journal(tmp_path / "j", "work") as journal:
        for record in RECORDS:
            journal.add(record)
    with (tmp_path / "j").open("ab") as file:
        file.write(tail)
    with Journal(tmp_path / "j", "work") as journal:
        assert (journal.read, journal.failed, journal.finished) == (1, 1, 2)
        journal.add(RECORDS[0])
        assert list(journal.records()) == [*RECORDS, RECORDS[0]]
        assert (journal.read, journal.failed, journal.finished) == (2, 1, 3)


@pytest.mark.parametrize("header", [b'"other work"\n{"image": "x"}\n', b'"wor'])
def test_a_journal_of_other_work_is_begun_anew(tmp_path, header):
    (tmp_path / "j").write_bytes(header)
    with Journal(tmp_path / "j", "work") as journal:
        assert (journal.finished, list(journal.records())) == (0, [])


def hold(path, held, over):
    with held_lock(path, "shard 3"):
        held.set()
        over.wait(60)


def test_a_lock_refuses_a_second_process_and_dies_with_its_holder(tmp_path):
    context = multiprocessing.get_context("spawn")
    held, over = context.Event(), context.Event()
    other = context.Process(target=hold, args=(tmp_path / "lock", held, over))
    other.start()
    assert held.wait(60)
    with (
        pytest.raises(ShardBusyError, match=f"process {other.pid} works on shard 3"),
        held_lock(tmp_path / "lock", "shard 3"),
    ):
        pass
    other.kill()
    other.join()
    with held_lock(tmp_path / "lock", "shard 3"):
        assert (tmp_path / "lock").read_text() == f"process {os.getpid()}"


def finished(store):
    manifest = Manifest("run", SETTINGS, 6, "now")
    write_published(store, "manifest.json", manifest.to_json())
    files = ShardFiles(store, manifest, 1, JsonLines())
    with Journal(store.work / "j", "work") as journal:
        for record in RECORDS:
            journal.add(record)
        return files, files.publish(journal)


def test_a_finished_shard_has_results_failures_and_a_mark(store, tmp_path):
    files, mark = finished(store)
    assert (mark.read, mark.failed) == (1, 1)
    assert files.completion() == mark
    assert [json.loads(line) for line in (tmp_path / "out" / files.results).open()] == [PAGE]
    failure = json.loads((tmp_path / "out" / files.failures).read_text())
    assert failure == {"image": "b\ud8ff.png", "error": "InvalidRequestError", "reason": "bad"}
    assert sorted(path.name for path in store.work.iterdir()) == ["j"]


@pytest.mark.parametrize("name", ["results", "failures"])
def test_a_mark_does_not_count_for_files_of_another_size_or_none(store, tmp_path, name):
    files, _ = finished(store)
    path = tmp_path / "out" / getattr(files, name)
    path.write_bytes(path.read_bytes() + b"\n")
    assert files.completion() is None
    path.unlink()
    assert files.completion() is None


def test_a_run_that_was_restarted_meanwhile_publishes_nothing(store):
    files, _ = finished(store)
    write_published(store, "manifest.json", Manifest("later", SETTINGS, 6, "now").to_json())
    store.remove(files.results)
    with Journal(store.work / "j", "work") as journal, pytest.raises(ManifestError, match="restarted"):
        files.publish(journal)
    assert store.size(files.results) is None


def test_a_mark_that_cannot_be_read_says_what_to_delete(store):
    files, _ = finished(store)
    write_published(store, files.mark, "{")
    with pytest.raises(OutputError, match="delete it"):
        files.completion()


def test_parquet_keeps_pages(tmp_path):
    parquet = pytest.importorskip("ocdrnet_bulk.parquet", exc_type=ImportError)
    curved = json.loads(json.dumps(PAGE))
    curved["lines"][0]["polygon"] = [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0], [6.0, 7.0], [8.5, 9.0]]
    pages = [PAGE, {**EMPTY.to_dict(), "image": "empty.png"}, {**curved, "image": "z.png"}]
    pages.append({**SPELLED.to_dict(), "image": "spelled.png"})
    parquet.Parquet().write(iter(pages), tmp_path / "file")
    assert list(parquet.Parquet().read(tmp_path / "file")) == json.loads(json.dumps(pages))
