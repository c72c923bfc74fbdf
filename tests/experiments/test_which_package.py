"""Fine-tuning in small: documents nobody has read, names hidden, every way measured alike."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from gptlab.checkpoints import load_bundled
from gptlab.experiments import which_package
from gptlab.finetuning import Example
from gptlab.text import documentation

TWO = ("python", "matplotlib")


@pytest.fixture(autouse=True)
def few_documents(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(which_package, "TESTED", 12)
    monkeypatch.setattr(which_package, "OTHERS", 20)
    which_package.documents_of.cache_clear()
    yield
    which_package.documents_of.cache_clear()


def test_documents_are_unseen_balanced_and_nameless() -> None:
    seen, tested = which_package.examples(20, seed=1, sources=TWO)
    texts = [example.texts[0] for example in (*seen, *tested)]
    assert len(set(texts)) == len(texts), "nothing is tested on that was learned from"
    assert Counter(example.label for example in seen) == {0: 10, 1: 10}
    assert Counter(e.label for e in tested) == {0: 12, 1: 12}
    assert not any("matplotlib" in text.lower() or "python" in text.lower() for text in texts)
    read, _ = documentation.documents(TWO)  # what the bundled model was trained on, and more
    hidden = {which_package.hide_names(text) for text in read}
    assert not hidden & set(texts)


def test_a_seed_decides_what_is_learned_from_and_never_what_is_tested() -> None:
    one, other, again = (which_package.examples(20, seed, TWO) for seed in (1, 2, 1))
    assert one == again and one[0] != other[0] and one[1] == other[1]
    with pytest.raises(ValueError, match="labels is 999; it must be 2 to 40"):
        which_package.examples(999, 1, TWO)


def test_counting_words_finds_what_words_tell() -> None:
    seen = [Example((text,), label) for label, text in enumerate(["a red fox", "one blue sea"])]
    tested = [Example((text,), label) for label, text in enumerate(["the red car", "blue skies"])]
    assert which_package.by_counting(seen, tested) == 1.0


def test_both_starts_have_one_shape_and_only_one_has_read() -> None:
    bundled, _ = load_bundled()
    what = which_package.objective(4, sources=TWO)
    models = {
        start: which_package.fine_tune(what, start, epochs=0.25, progress=False)[0]
        for start in which_package.STARTS
    }
    known = bundled.config.vocab_size
    gaps = {
        start: (model.wte.weight[:known] - bundled.wte.weight).abs().mean().item()
        for start, model in models.items()
    }
    assert gaps["pretrained"] < 0.01 < gaps["from scratch"]  # one update moves little
    assert len({model.config for model in models.values()}) == 1


def test_recording_measures_every_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(which_package, "LABELS", (4,))
    monkeypatch.setattr(which_package, "EPOCHS", 1)
    results = which_package.record(tmp_path / "a.json", seeds=(1,), sources=TWO)
    assert which_package.WhichPackage.load(tmp_path / "a.json") == results
    assert [one.way for one in results.measured] == ["counting words", *which_package.STARTS]
    assert all(0 <= one.accuracy <= 1 for one in results.measured)
    assert "4 labels" in repr(results.table())
