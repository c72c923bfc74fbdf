"""A picture takes any figure over: text stays text, every format keeps the sentence."""

import base64
import io
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.ticker import Locator

from gptlab.show.picture import Picture, new_figure, style


def pixels(picture: Picture) -> np.ndarray:
    return plt.imread(io.BytesIO(picture.png()))


def titled(title: str) -> Picture:
    figure, axes = new_figure(4, 3)
    axes[0, 0].set_title(title)
    return Picture(figure, "A title.")


def test_a_dollar_sign_is_drawn_as_one() -> None:
    """The oracle is the same letters where matplotlib has no choice: one dollar sign is plain."""
    for text in ("$x$", "$\\alpha$", "a_1 $b^2$"):
        with mpl.rc_context({"text.parse_math": False}):
            plain = pixels(titled(text))
        assert np.array_equal(pixels(titled(text)), plain)
    assert not np.array_equal(pixels(titled("$x$")), pixels(titled("x")))


def test_text_set_by_the_readers_own_settings_is_plain_too() -> None:
    with mpl.rc_context({"text.usetex": True, "text.parse_math": True}):
        picture = titled(r"$\undefined$ 100%")
        assert picture.png().startswith(b"\x89PNG")


def number(label: str) -> float:
    times, _, power = label.replace(",", "").rpartition("10")
    raised = power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    if raised == power:  # not a power
        return float(label.replace(",", ""))
    return float(times.rstrip("·") or 1) * 10.0 ** int(raised)


@pytest.mark.parametrize(
    ("low", "high", "one"),
    [
        (1, 100, "10"),
        (1e-3, 1, "0.01"),
        (1e4, 1e6, "100,000"),
        (2e4, 9e4, "30,000"),
        (2, 6, "3"),
        (1e-9, 1, "10⁻⁶"),
        (1e3, 1e12, "10⁶"),
        (2e-9, 6e-9, "3·10⁻⁹"),
    ],
)
def test_logarithmic_ticks_are_plain_numbers(low: float, high: float, one: str) -> None:
    figure = Figure()
    ax = figure.subplots()
    ax.plot([low, high], [1, 1])
    ax.set(xscale="log", xlim=(low, high))
    Picture(figure, "A line.").png()
    texts = [*ax.get_xticklabels(), *ax.get_xticklabels(minor=True)]
    said = {text.get_text(): text.get_position()[0] for text in texts if text.get_text()}
    assert one in said
    assert [number(label) for label in said] == pytest.approx(list(said.values()))


class Growing(Locator):
    """Puts one tick more each time it is asked, as where a layout leaves an axis more room."""

    asked = 0

    def __call__(self) -> list[int]:
        self.asked += 1
        return list(range(self.asked))


def test_ticks_made_while_drawing_are_plain_too() -> None:
    figure = Figure()
    ax = figure.subplots()
    ax.set_xlim(0, 100)
    ax.xaxis.set_major_locator(Growing())
    ax.xaxis.set_major_formatter(r"$\frac$ {x}")
    assert Picture(figure, "Ticks.").png()


def test_names_of_ticks_are_drawn_even_when_nothing_can_encode_them() -> None:
    figure = Figure()
    figure.subplots().set_xticks([0, 1], ["\ud800", "b"])
    assert Picture(figure, "Two ticks.").png()


def test_the_sentence_is_one_line() -> None:
    picture = Picture(Figure(), "one\ntwo\u2028three \ud800.")
    assert picture.sentence == "one\\ntwo\\u2028three \\ud800."


def test_pyplot_does_not_show_it_again() -> None:
    figure, _ = plt.subplots()
    Picture(figure, "A figure of the reader's own.")
    assert plt.get_fignums() == []


def test_every_format_keeps_the_sentence(tmp_path: Path) -> None:
    picture = titled("any")
    for ending in ("png", "svg", "pdf"):
        picture.save(tmp_path / f"any.{ending}")
        assert (tmp_path / f"any.{ending}").stat().st_size > 1000
    assert picture.sentence in (tmp_path / "any.svg").read_text()
    assert picture.sentence.encode() in (tmp_path / "any.png").read_bytes()
    with pytest.raises(ValueError, match=r"any\.bmp.*\.png"):
        picture.save(tmp_path / "any.bmp")


def test_the_png_in_a_notebook_has_its_alternative_text() -> None:
    data, about = titled("any")._repr_mimebundle_()
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert about["image/png"]["alt"] == data["text/plain"] == "A title."


def test_eight_curves_differ_in_more_than_colour() -> None:
    styles = [style(number) for number in range(8)]
    for part in ("color", "linestyle", "marker"):
        assert len({str(each[part]) for each in styles}) == 8
    assert style(8) == style(0)
