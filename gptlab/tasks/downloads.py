"""Well-known sets of examples, fetched once where a network is there and kept for later.

Nothing here runs unless it is asked for. A file whose SHA-256 is not the one written below is
refused, and so is never half there.
"""

from __future__ import annotations

import csv
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from gptlab.prompting import Shot
from gptlab.tasks.application import Parts

#: Passages with their question, in characters: longer ones are left out rather than cut, since
#: what is cut is the end, and there stands the question.
LONGEST = 400
#: Sentences of film reviews that are tested on.
_TESTED = 1500


@dataclass(frozen=True)
class KnownSet:
    """A set of examples that others have made and many have measured on.

    Attributes:
        title: what it is called, and where it is described.
        files: {name in the cache: (address, SHA-256)}, what is learned from first.
        read: examples to learn from, and to test on, of those files; and what is left out.
    """

    title: str
    files: dict[str, tuple[str, str]]
    read: Callable[[list[Path]], tuple[list[Shot], list[Shot], list[str]]]


def download(name: str) -> Parts:
    """Return a well-known set, from the cache or the network.

    A tenth of what is learned from is kept for validation. Examples of the test that stand among
    those to learn from are taken out of the latter, and counted.

    Args:
        name: that of a task, "sentiment" (SST-2) or "question-answering" (SQuAD 1.1), or
            "film-reviews".

    Raises:
        ValueError: for another name, or a file that is not the one that is meant.
        ConnectionError: without a network; the message says where a file can be put by hand.
    """
    if name not in KNOWN:
        raise ValueError(f"no well-known set for {name!r} can be fetched; {', '.join(KNOWN)} can.")
    known = KNOWN[name]
    train, test, left_out = known.read([_fetch(known, file) for file in known.files])
    tested = dict(test)
    once = {question: answer for question, answer in train if question not in tested}
    if gone := len(train) - len(once):
        left_out.append(f"{gone} examples that come twice or are tested")
    rows = list(once.items())
    return Parts(tuple(rows[len(rows) // 10 :]), tuple(rows[: len(rows) // 10]),
                 tuple(tested.items()), tuple(left_out))  # fmt: skip


def _fetch(known: KnownSet, name: str) -> Path:
    """Return where a file is kept, after fetching it if need be."""
    import pooch

    address, sha256 = known.files[name]
    folder = Path(pooch.os_cache("gptlab"))
    pooch.get_logger().setLevel("WARNING")
    try:
        return Path(pooch.retrieve(address, f"sha256:{sha256}", name, folder, progressbar=True))
    except ValueError:
        raise ValueError(
            f"what {address} sends is not the {name} that is meant: its SHA-256 is not "
            f"{sha256}. Nothing was kept; use a file of your own with --train."
        ) from None
    except OSError as error:  # requests' errors are such, too
        raise ConnectionError(
            f"{known.title} needs a network once, and {address} cannot be reached "
            f"({type(error).__name__}). Fetch that file elsewhere and put it at {folder / name}, "
            f"or use a file of your own with --train."
        ) from None


def _read_sst2(paths: list[Path]) -> tuple[list[Shot], list[Shot], list[str]]:
    """Phrases of film reviews with their labels; its own test has none, so dev is tested on."""
    parts = []
    with zipfile.ZipFile(paths[0]) as archive:
        for name in ("train", "dev"):
            text = archive.read(f"SST-2/{name}.tsv").decode()
            rows = csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)
            labels = {"0": "negative", "1": "positive"}
            parts.append([(row["sentence"].strip(), labels[row["label"]]) for row in rows])
    return parts[0], parts[1], []


def _read_film_reviews(paths: list[Path]) -> tuple[list[Shot], list[Shot], list[str]]:
    """Sentences with the mean of what people made of each, from -4 to 4: its sign counts."""
    # An archive in an archive; read as streams, so that nothing in it decides where a file goes.
    with (
        tarfile.open(paths[0]) as outer,
        tarfile.open(fileobj=_member(outer, "hutto_ICWSM_2014.tar.gz")) as inner,
    ):
        text = _member(inner, "movieReviewSnippets_GroundTruth.txt").read().decode()
    rows = [line.split("\t", 2) for line in text.splitlines()]
    felt = [(sentence.strip(), float(mean)) for _, mean, sentence in rows]
    once = {told: "positive" if mean > 0 else "negative" for told, mean in felt if mean}
    pairs = list(once.items())
    mixed = [pairs[i] for i in np.random.default_rng(0).permutation(len(pairs)).tolist()]
    told = f"{len(felt) - len(pairs)} sentences that are neither praise nor blame, or come twice"
    return mixed[_TESTED:], mixed[:_TESTED], [told]


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    found = archive.extractfile(next(one for one in archive if one.name.endswith("/" + name)))
    assert found is not None  # of a file whose checksum is right
    return found


def _read_squad(paths: list[Path]) -> tuple[list[Shot], list[Shot], list[str]]:
    """Short passages of Wikipedia with a question each; of several right answers the first."""
    parts: list[list[Shot]] = []
    too_long = 0
    for path in paths:
        every = list(_asked(json.loads(path.read_text(encoding="utf-8"))["data"]))
        short = [pair for pair in every if len(pair[0]) <= LONGEST]
        too_long += len(every) - len(short)
        parts.append(short)
    told = f"{too_long} questions whose passage has more than {LONGEST} characters with them"
    return parts[0], parts[1], [told]


def _asked(articles: Any) -> Iterator[Shot]:
    for article in articles:
        for paragraph in article["paragraphs"]:
            passage = " ".join(paragraph["context"].split())
            for asked in paragraph["qas"]:
                question = " ".join(asked["question"].split())
                yield f"{passage}\n{question}", asked["answers"][0]["text"]


#: By the name of the task that they are for, or a name of their own.
KNOWN = {
    "sentiment": KnownSet(
        "SST-2 (Socher et al. 2013, as GLUE has it)",
        {
            "SST-2.zip": (
                "https://dl.fbaipublicfiles.com/glue/data/SST-2.zip",
                "d67e16fb55739c1b32cdce9877596db1c127dc322d93c082281f64057c16deaa",
            )
        },
        _read_sst2,
    ),
    "film-reviews": KnownSet(
        "sentences of film reviews (Pang & Lee 2004), rated by people (Hutto & Gilbert 2014)",
        {
            "vaderSentiment-3.3.2.tar.gz": (
                "https://files.pythonhosted.org/packages/77/8c/"
                "4a48c10a50f750ae565e341e697d74a38075a3e43ff0df6f1ab72e186902/"
                "vaderSentiment-3.3.2.tar.gz",
                "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
            )
        },
        _read_film_reviews,
    ),
    "question-answering": KnownSet(
        "SQuAD 1.1 (Rajpurkar et al. 2016)",
        {
            f"squad-{name}.json": (
                f"https://rajpurkar.github.io/SQuAD-explorer/dataset/{name}.json",
                sha256,
            )
            for name, sha256 in (
                (
                    "train-v1.1",
                    "3527663986b8295af4f7fcdff1ba1ff3f72d07d61a20f487cb238a6ef92fd955",
                ),
                ("dev-v1.1", "95aa6a52d5d6a735563366753ca50492a658031da74f301ac5238b03966972c9"),
            )
        },
        _read_squad,
    ),
}
