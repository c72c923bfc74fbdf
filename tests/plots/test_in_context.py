"""Pictures of learning in the context say what the numbers say."""

from gptlab import plots
from gptlab.show.picture import Picture


def records(*accuracies: float) -> list[dict[str, float]]:
    return [
        {"step": 10.0 * i, "val_loss": 3 - share, "accuracy_1": share}
        for i, share in enumerate(accuracies)
    ]


def title(picture: Picture) -> str:
    return str(picture.figure.axes[0].get_title())


def test_the_title_is_what_one_example_does() -> None:
    picture = plots.examples_curve({"a": [0.0625, 0.98, 1.0], "b": [0.5, 0.5, 0.5]}, 1 / 16)
    assert title(picture) == "One example takes the accuracy from 6% to 98%"
    assert "b: 50.0%, 50.0%, 50.0%" in picture.sentence and "Guessing: 6.2%" in picture.sentence


def test_the_fall_is_where_half_are_right() -> None:
    runs = {"a": records(0.1, 0.2, 0.6, 1.0), "b": records(0.1, 0.5, 0.4, 1.0), "c": records(0.1)}
    picture = plots.sudden_fall(runs)
    assert "between updates 10 and 20" in title(picture)
    assert "a passes one half at update 20" in picture.sentence
    assert "c never does" in picture.sentence
    assert "No run" in title(plots.sudden_fall({"c": runs["c"]}))


def test_only_tasks_with_both_ends_are_compared() -> None:
    scores = {
        "up": {"zero": 1.0, "one": 0.5, "few": 2.0},
        "down": {"zero": 3.0, "few": 2.0},
        "alone": {"few": 9.0},
    }
    picture = plots.shots_bars(scores, {"alone": 9.5})
    assert title(picture) == "few beats zero on 1 of 2 tasks"
    assert "alone: few 9.0, best before it 9.5" in picture.sentence
