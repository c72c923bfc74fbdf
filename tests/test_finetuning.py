"""Fine-tuning: rows as the paper draws them, scores as a linear layer gives them, one loop."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from gptlab import checkpoints
from gptlab.config import preset
from gptlab.finetuning import Example, FineTuning, Kind, Task
from gptlab.model import GPT
from gptlab.settings import TrainSettings
from gptlab.tokenizer import CharTokenizer
from gptlab.training import train

LETTERS = CharTokenizer("\nabcdefgh")  # ids 0 to 8; 0 starts a row
DELIMITER, EXTRACT = 9, 10
YES_NO = ("no", "yes")


def task(kind: Kind = "classification", n_ctx: int = 16) -> Task:
    return Task(LETTERS, () if kind == "choice" else YES_NO, kind, n_ctx)


def pretrained(n_ctx: int = 16) -> GPT:
    torch.manual_seed(0)
    shape = {"n_layer": 2, "n_head": 2, "n_embd": 32, "n_ctx": n_ctx, "dropout": 0.0}
    return GPT(preset("gpt2-tiny", vocab_size=LETTERS.vocab_size, **shape)).eval()


def read(text: str, label: int = 0) -> Example:
    return Example(tuple(text.split("|")), label)


ROWS = {
    "classification": ("ab", [[0, 1, 2, EXTRACT]]),
    "entailment": ("ab|c", [[0, 1, 2, DELIMITER, 3, EXTRACT]]),
    "similarity": (
        "ab|c",
        [[0, 1, 2, DELIMITER, 3, EXTRACT], [0, 3, DELIMITER, 1, 2, EXTRACT]],
    ),
    "choice": (
        "ab|c|d",
        [[0, 1, 2, DELIMITER, 3, EXTRACT], [0, 1, 2, DELIMITER, 4, EXTRACT]],
    ),
}


@pytest.mark.parametrize("kind", ROWS)
def test_rows_are_those_of_the_papers_figure(kind: Kind) -> None:
    text, rows = ROWS[kind]
    (tokens, ends, labels), cut = task(kind).encode([read(text, 1)])
    assert tokens.tolist() == [rows] and labels.tolist() == [1] and cut == 0
    assert all(tokens[0, k, ends[0, k]] == EXTRACT for k in range(len(rows)))


@pytest.mark.parametrize("kind", ROWS)
def test_scores_are_a_linear_layer_on_the_extract_tokens_vector(kind: Kind) -> None:
    asked = task(kind)
    model = asked.model(pretrained())
    (tokens, ends, _), _ = asked.encode([read(ROWS[kind][0])])
    scores = asked.scores(model(tokens.flatten(0, 1)), ends)[0]
    vectors = model.hidden(tokens[0])[torch.arange(tokens.size(1)), ends[0]]  # (K, C)
    by_hand = vectors @ model.wte.weight[EXTRACT + 1 :].T  # (K, n)
    right = by_hand[:, 0] if kind == "choice" else by_hand.sum(0)
    torch.testing.assert_close(scores, right)


def test_what_fills_a_row_up_changes_nothing() -> None:
    asked = task()
    model = asked.model(pretrained())
    short, long = read("ab"), read("abcdefghab")
    together = asked.predict(model, [short.texts, long.texts])
    torch.testing.assert_close(together[:1], asked.predict(model, [short.texts]))
    torch.testing.assert_close(together.sum(-1), torch.ones(2))


def test_similar_texts_may_change_places() -> None:
    asked = task("similarity")
    model = asked.model(pretrained())
    one, other = asked.predict(model, [("abc", "gh"), ("gh", "abc")])
    torch.testing.assert_close(one, other)
    ordered = task("entailment")
    one, other = ordered.predict(model, [("abc", "gh"), ("gh", "abc")])
    assert not torch.allclose(one, other)


def test_the_ends_of_a_choice_may_change_places() -> None:
    asked = task("choice")
    model = asked.model(pretrained())
    one, other = asked.predict(model, [("ab", "c", "def", "g"), ("ab", "g", "c", "def")])
    torch.testing.assert_close(one, other[[1, 2, 0]])


def test_the_model_keeps_what_it_knew() -> None:
    model = pretrained()
    widened = task().model(model)
    tokens = torch.tensor([[0, 1, 5, 2]])
    known = widened(tokens)[..., : LETTERS.vocab_size]
    torch.testing.assert_close(known, model(tokens))
    assert widened.config == model.config.replace(vocab_size=13)


@pytest.mark.parametrize("layers", [0, 1, 2, None])
def test_takes_over_the_embeddings_and_the_first_blocks(layers: int | None) -> None:
    source = pretrained()
    with torch.no_grad():
        for weight in source.parameters():  # LayerNorms too, or a new one would look the same
            weight.normal_(0.0, 0.3)
    torch.manual_seed(3)
    model = task().model(source, layers)
    torch.manual_seed(3)
    new = GPT(model.config)
    taken = {"wte.weight", "wpe.weight"}
    for name, _ in source.named_parameters():
        number = int(name.split(".")[1]) if name.startswith("h.") else 2
        if layers is None or number < layers or (layers == 2 and number == 2):
            taken.add(name)
    for name, weight in model.named_parameters():
        known = slice(9) if name == "wte.weight" else slice(None)
        old, fresh = source.get_parameter(name), new.get_parameter(name)
        assert torch.equal(weight[known], old) == (name in taken), name
        assert torch.equal(weight, fresh) == (name not in taken), name
    assert model.lm_head.weight is model.wte.weight


def test_a_stream_is_the_pretrained_ones_as_far_as_blocks_were_taken_over() -> None:
    source = pretrained()
    model = task().model(source, layers=1)
    row = torch.tensor([0, 1, 5, 2])
    mine, old = model.trace(row).residual, source.trace(row).residual
    torch.testing.assert_close(mine["0.out"], old["0.out"])
    assert not torch.allclose(mine["1.out"], old["1.out"])


def test_the_loss_is_the_labels_and_the_texts() -> None:
    asked = task("entailment")
    model = asked.model(pretrained())
    examples = [read("abca|de", 1), read("b|cgh", 0)]
    objective = FineTuning(asked, examples, [read("h|h")], text_weight=0.25)
    batch, _ = asked.encode(examples)
    label = 0.0
    text = 0.0
    for example in examples:  # one at a time: nothing is filled up
        (tokens, ends, labels), _ = asked.encode([example])
        logits = model(tokens[0])
        label += F.cross_entropy(asked.scores(logits, ends), labels).item() / 2
        row = tokens[0, 0]
        told = [
            -logits[0, t, :9].log_softmax(-1)[row[t + 1]].item()
            for t in range(len(row) - 1)
            if row[t + 1] < 9
        ]
        text += sum(told) / len(told) / 2
    assert objective.loss(model, batch).item() == pytest.approx(label + 0.25 * text, rel=1e-5)


def test_each_example_comes_once_an_epoch() -> None:
    examples = [read(text) for text in ("a", "b", "c", "d", "e", "f")]
    objective = FineTuning(task(), examples, [read("g")])
    settings = TrainSettings(9, batch_size=4, seed=3)
    drawn = torch.cat([objective.batch(step, settings)[0][:, 0, 1] for step in range(9)])
    epochs = drawn.unflatten(0, (6, 6)).tolist()
    assert all(sorted(epoch) == [1, 2, 3, 4, 5, 6] for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1
    assert objective.steps(epochs=6, batch_size=4) == 9


@pytest.mark.parametrize(("batch_size", "saved"), [(4, 0.75), (8, 1.0)])
def test_of_many_batches_each_has_rows_of_about_one_length(batch_size: int, saved: float) -> None:
    n = 1600  # 400 batches of 4, or 200 of 8, which are few
    lengths = torch.randint(1, 60, (n,), generator=torch.Generator().manual_seed(1)).tolist()
    objective = FineTuning(task(n_ctx=64), [read("a" * one) for one in lengths], [read("b")])
    steps = 2 * n // batch_size
    settings = TrainSettings(steps, batch_size=batch_size, seed=3)
    batches = [objective.batch(step, settings) for step in range(steps)]
    drawn = [int(end) - 1 for _, ends, _ in batches for end in ends]
    assert sorted(drawn[:n]) == sorted(drawn[n:]) == sorted(lengths)
    assert drawn[:n] != drawn[n:]
    read_in_all = sum(tokens.numel() for tokens, _, _ in batches)
    as_they_come = [max(lengths[i : i + batch_size]) + 2 for i in range(0, n, batch_size)]
    share = read_in_all / (2 * batch_size * sum(as_they_come))
    assert share == pytest.approx(1.0, abs=0.03) if saved == 1 else share < saved


def first_is_a(n: int, start: int = 0) -> list[Example]:
    """Texts of six letters, labelled by whether the first is an a."""
    draw = torch.Generator().manual_seed(start)
    texts = torch.randint(2, 9, (n, 6), generator=draw)
    texts[::2, 0] = 1
    return [read("".join(LETTERS.tokens(row.tolist())), int(row[0] == 1)) for row in texts]


SETTINGS = TrainSettings(60, batch_size=16, learning_rate=3e-3, warmup=5, device="cpu")


@pytest.mark.parametrize("shuffled", [False, True])
def test_learns_what_labels_say_and_nothing_from_labels_that_say_nothing(shuffled: bool) -> None:
    seen, unseen = first_is_a(200), first_is_a(100, start=1)
    if shuffled:
        labels = torch.randint(2, (200,), generator=torch.Generator().manual_seed(2)).tolist()
        seen = [replace(example, label=label) for example, label in zip(seen, labels, strict=True)]
    objective = FineTuning(task(), seen, unseen)
    model = objective.task.model(pretrained())
    history = train(model, objective, SETTINGS, progress=False)
    accuracy = history.measured["val_accuracy"]
    assert accuracy < 0.75 if shuffled else accuracy > 0.95
    predicted = objective.task.predict(model, [example.texts for example in unseen]).argmax(-1)
    right = [int(p) == example.label for p, example in zip(predicted, unseen, strict=True)]
    assert sum(right) / len(right) == pytest.approx(accuracy)


def test_pieces_of_a_batch_give_the_same_update() -> None:
    losses = []
    for accumulate in (1, 4):
        objective = FineTuning(task(), first_is_a(40), first_is_a(10, start=1))
        model = objective.task.model(pretrained())
        settings = replace(SETTINGS, steps=3, accumulate=accumulate)
        losses.append(train(model, objective, settings, progress=False).column("train_loss"))
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_a_fine_tuned_model_is_saved_and_goes_on(tmp_path: Path) -> None:
    objective = FineTuning(task(), first_is_a(40), first_is_a(10, start=1))
    model = objective.task.model(pretrained())
    settings = replace(SETTINGS, steps=4, final_fraction=1.0)
    train(model, objective, settings, out=tmp_path, progress=False)
    again, tokenizer = checkpoints.load_model(tmp_path)
    assert tokenizer.to_json() == LETTERS.to_json()
    some = [example.texts for example in first_is_a(3, start=2)]
    torch.testing.assert_close(
        objective.task.predict(again, some), objective.task.predict(model, some)
    )
    other = FineTuning(task(), first_is_a(41), first_is_a(10, start=1))
    with pytest.raises(ValueError, match="training examples was 40"):
        train(again, other, settings, out=tmp_path, resume=True, progress=False)


def test_a_long_row_loses_the_end_of_its_first_text() -> None:
    (tokens, *_), cut = task("entailment", n_ctx=8).encode([read("abcdefgh|gh")])
    assert tokens[0, 0].tolist() == [0, 1, 2, 3, DELIMITER, 7, 8, EXTRACT] and cut == 1
    (tokens, *_), cut = task("entailment", n_ctx=5).encode([read("ab|abcdef")])
    assert tokens[0, 0].tolist() == [0, DELIMITER, 1, 2, EXTRACT] and cut == 1
    (tokens, *_), cut = task(n_ctx=5).encode([read("abc"), read("abcd")])
    assert tokens[:, 0].tolist() == [[0, 1, 2, 3, EXTRACT]] * 2 and cut == 1


@pytest.mark.parametrize(
    "kind, text, label, message",
    [
        ("classification", "a|b", 0, "example 0 has 2 texts; classification takes one"),
        ("entailment", "a", 0, "has 1 texts; entailment takes two"),
        ("choice", "a|b", 0, "takes three or more"),
        ("classification", " ", 0, "example 0 has an empty text"),
        ("classification", "a", 2, "the label of example 0 is 2; it must be at most 1"),
        ("choice", "a|b|c", 2, "at most 1"),
    ],
)
def test_examples_that_do_not_fit_are_named(
    kind: Kind, text: str, label: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        task(kind).encode([read(text, label)])


def test_impossible_tasks_are_refused() -> None:
    with pytest.raises(ValueError, match="no examples"):
        task().encode([])
    with pytest.raises(ValueError, match="different numbers of ends"):
        task("choice").encode([read("a|b|c"), read("a|b|c|d")])
    with pytest.raises(ValueError, match="two or more, all different"):
        Task(LETTERS, ("yes", "yes"))
    with pytest.raises(ValueError, match="its ends are"):
        Task(LETTERS, YES_NO, "choice")
    with pytest.raises(ValueError, match="kind is 'other'"):
        Task(LETTERS, YES_NO, "other")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"task.model\(pretrained\)"):
        task().check(pretrained())
    with pytest.raises(ValueError, match="n_ctx is 16"):
        task(n_ctx=32).model(pretrained())
    with pytest.raises(ValueError, match="layers is 3; it must be at most 2"):
        task().model(pretrained(), layers=3)
    with pytest.raises(ValueError, match="1 of the examples to validate on are also trained on"):
        FineTuning(task(), [read("a"), read("b")], [read("b", 1)])
