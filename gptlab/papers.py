"""Tables of the papers, as printed: shapes of GPT-3, scores of GPT-2, trainings, a time line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class PaperRow:
    """One row of GPT-3's table 2.1 as printed, and what was changed to make it buildable."""

    preset: str
    parameters: float
    n_layer: int
    d_model: int
    n_head: int
    d_head: int
    batch_tokens: float
    learning_rate: float
    correction: str = ""


#: Brown et al. 2020, table 2.1, as printed.
GPT3_TABLE: tuple[PaperRow, ...] = (
    PaperRow("gpt3-small", 125e6, 12, 768, 12, 64, 0.5e6, 6.0e-4),
    PaperRow("gpt3-medium", 350e6, 24, 1024, 16, 64, 0.5e6, 3.0e-4),
    PaperRow("gpt3-large", 760e6, 24, 1536, 16, 96, 0.5e6, 2.5e-4),
    PaperRow(
        "gpt3-xl",
        1.3e9,
        24,
        2048,
        24,
        128,
        1e6,
        2.0e-4,
        "24 heads of 128 make 3072, not 2048; built with 16 heads, which fits d_model, d_head "
        "and 1.3B parameters",
    ),
    PaperRow("gpt3-2.7b", 2.7e9, 32, 2560, 32, 80, 1e6, 1.6e-4),
    PaperRow("gpt3-6.7b", 6.7e9, 32, 4096, 32, 128, 2e6, 1.2e-4),
    PaperRow(
        "gpt3-13b",
        13.0e9,
        40,
        5140,
        40,
        128,
        2e6,
        1.0e-4,
        "40 heads of 128 make 5120, not 5140; built with d_model 5120, which gives 12.85B "
        "parameters instead of 13.0B",
    ),
    PaperRow("gpt3-175b", 175.0e9, 96, 12288, 96, 128, 3.2e6, 0.6e-4),
)


@dataclass(frozen=True)
class PaperScore:
    """One column of a table of scores.

    Attributes:
        dataset: what was answered or read.
        measure: what was measured on it, with its unit.
        higher_is_better: whether a larger score is the better one.
        before: the state of the art before the paper.
        scores: {model: its score}, from the smallest model to the largest.
    """

    dataset: str
    measure: str
    higher_is_better: bool
    before: float
    scores: Mapping[str, float]

    def better_by(self, model: str) -> float:
        """Return how many times as good as before the model is; below 1 it is worse.

        Of accuracies that is the ratio, of perplexities and bits its inverse.
        """
        ratio = self.scores[model] / self.before
        return ratio if self.higher_is_better else 1 / ratio


def _gpt2(dataset: str, measure: str, before: float, *scores: float) -> PaperScore:
    sizes = ("117M", "345M", "762M", "1542M")
    higher = measure.startswith("accuracy")
    return PaperScore(dataset, measure, higher, before, dict(zip(sizes, scores, strict=True)))


#: Radford et al. 2019, table 3: zero-shot, no training on any of these. CBT is the Children's Book
#: Test (common nouns, named entities), PTB the Penn Treebank, 1BW the One Billion Word Benchmark.
#: The sizes bear the paper's labels. 63.24 on LAMBADA is with stop words left out (section 3.3).
GPT2_ZERO_SHOT: tuple[PaperScore, ...] = (
    _gpt2("LAMBADA", "perplexity", 99.8, 35.13, 15.60, 10.87, 8.63),
    _gpt2("LAMBADA", "accuracy (%)", 59.23, 45.99, 55.48, 60.12, 63.24),
    _gpt2("CBT", "accuracy, nouns (%)", 85.7, 87.65, 92.35, 93.45, 93.30),
    _gpt2("CBT", "accuracy, names (%)", 82.3, 83.4, 87.1, 88.0, 89.05),
    _gpt2("WikiText2", "perplexity", 39.14, 29.41, 22.76, 19.93, 18.34),
    _gpt2("PTB", "perplexity", 46.54, 65.85, 47.33, 40.31, 35.76),
    _gpt2("enwik8", "bits per byte", 0.99, 1.16, 1.01, 0.97, 0.93),
    _gpt2("text8", "bits per character", 1.08, 1.17, 1.06, 1.02, 0.98),
    _gpt2("WikiText103", "perplexity", 18.3, 37.50, 26.37, 22.05, 17.48),
    _gpt2("1BW", "perplexity", 21.8, 75.20, 55.72, 44.575, 42.16),
)


@dataclass(frozen=True)
class PaperTraining:
    """How one generation was trained and judged, by its paper.

    Each text ends with the section that says so. None is a figure this book has not found printed.

    Attributes:
        model: whose paper it is; of GPT-2 and GPT-3 the largest size.
        preset: the config of that model.
        label: parameters, as the paper names them; GPT-1's gives no number.
        data: what was read.
        optimizer: with what is said of it.
        learning_rate: at its peak.
        schedule: how the rate rises and falls.
        batch_tokens: tokens in one update; GPT-1's and GPT-2's are sequences times context.
        length: how long it went on.
        judged: how the trained model was put to use.
    """

    model: str
    preset: str
    label: str | None
    data: str
    optimizer: str | None
    learning_rate: float | None
    schedule: str | None
    batch_tokens: int
    length: str | None
    judged: str

    def texts(self) -> dict[str, str]:
        """Return everything but the names as text, a dash where nothing is known."""
        rate = None if self.learning_rate is None else f"{self.learning_rate:.2g}"
        said = {
            "parameters, as named": self.label,
            "text": self.data,
            "optimizer": self.optimizer,
            "peak learning rate": rate,
            "schedule": self.schedule,
            "tokens in an update": f"{self.batch_tokens:,}",
            "length": self.length,
            "put to use": self.judged,
        }
        return {name: "–" if text is None else text for name, text in said.items()}


#: Radford et al. 2018 and 2019, Brown et al. 2020; the sections stand in the texts. Rate and batch
#: are from section 4.1 (GPT-1), section 2.3 (GPT-2) and table 2.1 (GPT-3).
PAPER_TRAINING: tuple[PaperTraining, ...] = (
    PaperTraining(
        "GPT-1",
        "gpt1",
        None,
        "BooksCorpus, about 7,000 books (4.1)",
        "Adam, weight decay 0.01, dropout 0.1 (4.1)",
        2.5e-4,
        "2,000 updates of warm-up, cosine to 0 (4.1)",
        64 * 512,
        "100 epochs (4.1)",
        "fine-tuned on each task, 3 epochs (4.1)",
    ),
    PaperTraining(
        "GPT-2",
        "gpt2-xl",
        "1542M (table 2)",
        "WebText, 8 million pages, 40 GB (2.1)",
        None,
        None,
        None,
        512 * 1024,
        None,
        "zero-shot: the task in the text, no gradient step (3)",
    ),
    PaperTraining(
        "GPT-3",
        "gpt3-175b",
        "175.0B (table 2.1)",
        "Common Crawl 60 %, WebText2 22 %, books 16 %, Wikipedia 3 % (table 2.2)",
        "Adam, weight decay 0.1, clip 1.0 (B)",
        0.6e-4,
        "375M tokens of warm-up, cosine to 10 % over 260B (B)",
        3_200_000,
        "300B tokens (table 2.1)",
        "zero-, one-, few-shot: examples in the context, no gradient step (2)",
    ),
)


@dataclass(frozen=True)
class Milestone:
    """A model on the way from the Transformer to GPT-3.

    Attributes:
        name: of the paper's largest size.
        month: of the first publication, as "2017-06".
        preset: the config of that model, where there is one here.
        label: parameters, as the paper names them.
        data: what it learned from.
        tokens: read in training, epochs counted.
        compute: floating-point operations of the training, as printed.
    """

    name: str
    month: str
    preset: str | None
    label: float | None
    data: str
    tokens: float | None = None
    compute: float | None = None

    @property
    def year(self) -> float:
        """The month as a number of years, for an axis."""
        year, _, month = self.month.partition("-")
        return int(year) + (int(month) - 1) / 12


#: Vaswani et al. 2017 (tables 2 and 3, section 5.1), Radford et al. 2018 (4.1), Devlin et al. 2018
#: (section 3), Radford et al. 2019 (2.1, table 2), Brown et al. 2020 (table 2.1, appendix D). GPT-1
#: read BooksCorpus 100 times; that it has 800M words, each at least a token, is from Devlin et al.
TIMELINE: tuple[Milestone, ...] = (
    Milestone(
        "Transformer",
        "2017-06",
        None,
        213e6,
        "36 million pairs of sentences, English and French",
        compute=2.3e19,
    ),
    Milestone("GPT-1", "2018-06", "gpt1", None, "about 7,000 books, 100 times", 100 * 800e6),
    Milestone(
        "BERT",
        "2018-10",
        None,
        340e6,
        "books, 800M words; Wikipedia, 2,500M words, 40 times",
    ),
    Milestone("GPT-2", "2019-02", "gpt2-xl", 1542e6, "8 million web pages, 40 GB"),
    Milestone(
        "GPT-3",
        "2020-05",
        "gpt3-175b",
        175e9,
        "web pages, books, Wikipedia: 300B tokens",
        300e9,
        3.14e23,
    ),
)
