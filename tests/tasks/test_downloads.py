"""Well-known sets: taken as they are or refused, from a server of the test's own."""

import gc
import hashlib
import http.server
import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from gptlab.tasks import downloads
from gptlab.tasks.downloads import KNOWN, LONGEST, download

TRAIN = [("a fine film ", "1"), ('a "dull" one', "0"), ("so so", "0"), ("so so", "0")]
TRAIN += [(f"film {i}", str(i % 2)) for i in range(27)]
DEV = [("so so", "0"), ("never seen", "1")]


def sst2() -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as archive:
        for name, rows in (("train", TRAIN), ("dev", DEV)):
            lines = "".join(f"{text}\t{label}\n" for text, label in rows)
            archive.writestr(f"SST-2/{name}.tsv", f"sentence\tlabel\n{lines}")
    return kept.getvalue()


def squad(first: str) -> bytes:
    long = "word " * (LONGEST // 5)
    asked = [{"question": f"Who is {first} {i}?", "answers": [{"text": f"{first} {i}"},
             {"text": "never this one"}]} for i in range(12)]  # fmt: skip
    paragraphs = [
        {"context": f"{first}  is\nhere.", "qas": asked},
        {"context": long, "qas": asked[:3]},
    ]
    return json.dumps({"data": [{"title": "t", "paragraphs": paragraphs}]}).encode()


def film_reviews() -> bytes:
    rows = [
        ("-0.5", "never seen"),
        ("0.0", "so so"),
        ("2.1", "A fine film."),
        ("2.1", "A fine film."),
    ]
    rows += [(f"{i % 7 - 3}.5", f"film {i}") for i in range(40)]
    text = "".join(f"{i}\t{mean}\t{told}\r\n" for i, (mean, told) in enumerate(rows))
    inner = packed("hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt", text.encode())
    return packed("vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz", inner)


def packed(name: str, content: bytes) -> bytes:
    kept = io.BytesIO()
    with tarfile.open(fileobj=kept, mode="w:gz") as archive:
        for path, what in ((name.replace(".", "-other."), b"not this"), (name, content)):
            about = tarfile.TarInfo(path)
            about.size = len(what)
            archive.addfile(about, io.BytesIO(what))
    return kept.getvalue()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    monkeypatch.setattr("pooch.os_cache", lambda _: tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def served(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Small files of the same forms under the same names, from this machine."""
    site = tmp_path / "site"
    site.mkdir()
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(site))
    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        contents = {"SST-2.zip": sst2(), "squad-train-v1.1.json": squad("Ann"),
                    "squad-dev-v1.1.json": squad("Bob"),
                    "vaderSentiment-3.3.2.tar.gz": film_reviews()}  # fmt: skip
        for task, known in KNOWN.items():
            files = {}
            for name in known.files:
                (site / name).write_bytes(contents[name])
                address = f"http://127.0.0.1:{server.server_port}/{name}"
                files[name] = (address, hashlib.sha256(contents[name]).hexdigest())
            monkeypatch.setitem(downloads.KNOWN, task, replace(known, files=files))
        yield site
        server.shutdown()


def test_reviews_have_their_labels_and_none_that_is_tested(served: Path) -> None:
    parts = download("sentiment")
    assert parts.test == (("so so", "negative"), ("never seen", "positive"))
    learned = dict(parts.train + parts.validation)
    assert learned["a fine film"] == "positive" and learned['a "dull" one'] == "negative"
    assert len(learned) == 29 and len(parts.validation) == 2 and "so so" not in learned
    assert parts.left_out == ("2 examples that come twice or are tested",)


def test_sentences_of_film_reviews_are_praise_or_blame_by_their_sign(
    served: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "_TESTED", 10)
    parts = download("film-reviews")
    every = dict(parts.train + parts.validation + parts.test)
    assert every.pop("never seen") == "negative" and every.pop("A fine film.") == "positive"
    assert every == {f"film {i}": "positive" if i % 7 >= 3 else "negative"
                     for i in range(40)}  # fmt: skip
    assert len(parts.test) == 10 and len(parts.validation) == 3
    assert parts.left_out == ("2 sentences that are neither praise nor blame, or come twice",)


def test_questions_follow_their_passage_and_long_ones_are_counted(served: Path) -> None:
    parts = download("question-answering")
    assert parts.test[0] == ("Bob is here.\nWho is Bob 0?", "Bob 0")
    assert len(parts.train) == 11 and len(parts.test) == 12
    assert parts.left_out == (
        f"6 questions whose passage has more than {LONGEST} characters with them",
    )


def test_what_was_fetched_once_needs_no_network(served: Path) -> None:
    before = download("sentiment")
    (served / "SST-2.zip").unlink()
    assert download("sentiment") == before


def test_another_file_is_refused_and_not_kept(served: Path, folder: Path) -> None:
    (served / "SST-2.zip").write_bytes(sst2() + b"changed")
    with pytest.raises(ValueError, match="is not the SST-2") as caught:
        download("sentiment")
    assert "\n" not in str(caught.value) and list(folder.iterdir()) == []


# pooch leaves the answer of a server that has no such file to the garbage collector.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket")
@pytest.mark.parametrize("gone", ["the file", "the server"])
def test_without_a_network_the_way_out_is_named(
    served: Path, folder: Path, gone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = KNOWN["sentiment"]
    if gone == "the file":
        (served / "SST-2.zip").unlink()
    else:  # nothing listens on port 9
        _, sha256 = known.files["SST-2.zip"]
        files = {"SST-2.zip": ("http://127.0.0.1:9/SST-2.zip", sha256)}
        monkeypatch.setitem(downloads.KNOWN, "sentiment", replace(known, files=files))
    with pytest.raises(ConnectionError, match="needs a network once") as caught:
        download("sentiment")
    assert str(folder / "SST-2.zip") in str(caught.value) and "--train" in str(caught.value)
    assert "\n" not in str(caught.value)
    del caught
    gc.collect()


def test_a_file_put_there_by_hand_is_taken(served: Path, folder: Path) -> None:
    folder.mkdir()
    (served / "SST-2.zip").rename(folder / "SST-2.zip")
    assert len(download("sentiment").test) == 2


def test_every_file_has_a_checksum_and_a_secure_address() -> None:
    for known in KNOWN.values():
        for address, sha256 in known.files.values():
            assert address.startswith("https://") and len(sha256) == 64
            int(sha256, 16)


def test_other_tasks_say_which_have_one() -> None:
    with pytest.raises(ValueError, match="sentiment, film-reviews, question-answering can"):
        download("translation")
