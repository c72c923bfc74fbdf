"""Sliders: every value shows its picture, or says what happened; nothing old stays beside it."""

import base64

import ipywidgets as widgets
import pytest
from matplotlib.figure import Figure

from gptlab import plots
from gptlab.attention import causal_mask
from gptlab.explorers import Sliders, explore
from gptlab.show.picture import Picture


class Mute(Exception):
    """An exception that cannot even say itself."""

    def __str__(self) -> str:
        raise RuntimeError


def still(sliders: Sliders) -> bytes | None:
    """The picture that is shown where widgets are not."""
    data, _ = sliders._repr_mimebundle_()
    return base64.b64decode(data["image/png"]) if "image/png" in data else None


def shown(sliders: Sliders) -> tuple[bytes, bool, str]:
    """The live picture, whether it is to be seen, and the sentence below."""
    image, says = sliders.children[-2:]
    return image.value, image.layout.display != "none", says.value


def masks() -> Sliders:
    return explore(lambda size: plots.mask_map(causal_mask(size)), size=(2, 9))


def test_shows_the_picture_its_sentence_and_both_where_widgets_are_not() -> None:
    sliders = masks()
    picture = plots.mask_map(causal_mask(2))
    png, visible, says = shown(sliders)
    assert visible and png == still(sliders) == picture.png(dpi=90)
    assert repr(sliders) == sliders.sentence == picture.sentence
    assert 'aria-live="polite"' in says and picture.sentence in says


def test_a_new_value_draws_again() -> None:
    sliders = masks()
    sliders.controls["size"].value = 5
    assert repr(sliders) == plots.mask_map(causal_mask(5)).sentence
    assert still(sliders) == plots.mask_map(causal_mask(5)).png(dpi=90)


ERRORS = [
    (ValueError("take fewer <b>"), "ValueError: take fewer <b>"),
    (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
    (KeyError("missing"), "KeyError: 'missing'"),
    (RuntimeError("two\nlines"), "RuntimeError: two\\nlines"),
    (StopIteration(), "StopIteration"),
    (RecursionError("deep"), "RecursionError: deep"),
    (MemoryError(), "MemoryError"),
    (Mute(), "Mute"),
]


@pytest.mark.parametrize(("error", "words"), ERRORS)
def test_a_callback_that_raises_takes_the_picture_away(error: Exception, words: str) -> None:
    def draw(size: int) -> Picture:
        if size == 3:
            raise error
        return plots.mask_map(causal_mask(size))

    sliders = explore(draw, size=(2, 9))
    good = shown(sliders)
    sliders.controls["size"].value = 3
    png, visible, says = shown(sliders)
    assert not png and not visible and still(sliders) is None
    assert repr(sliders) == f"No picture. {words}"
    assert "<b>" not in says
    sliders.controls["size"].value = 2
    assert shown(sliders) == good


@pytest.mark.parametrize("result", [None, "text", Figure()])
def test_a_callback_without_a_picture_is_told(result: object) -> None:
    sliders = explore(lambda size: result, size=(1, 2))  # type: ignore[arg-type,return-value]
    assert type(result).__name__ in repr(sliders) and "return a Picture" in repr(sliders)


def test_what_fails_while_it_is_drawn_is_told() -> None:
    def draw(height: int) -> Picture:
        return Picture(Figure(figsize=(height, 1e9)), "Too tall.")

    assert repr(explore(draw, height=(1, 2))).startswith("No picture. ")


def test_a_title_typed_by_a_reader_is_no_markup() -> None:
    sliders = explore(lambda text: plots.mask_map(causal_mask(2), title=text), text="a")
    sliders.controls["text"].value = r"$\frac$"
    assert "pairs may look" in repr(sliders) and still(sliders)


@pytest.mark.parametrize(
    ("short", "kind", "first"),
    [
        ((2, 5), widgets.IntSlider, 2),
        (["b", "a"], widgets.SelectionSlider, "b"),
        ([16, 64], widgets.SelectionSlider, 16),
        ("text", widgets.Text, "text"),
        (True, widgets.Checkbox, True),
        (widgets.FloatSlider(0.5), widgets.FloatSlider, 0.5),
    ],
)
def test_short_forms_of_controls(short: object, kind: type, first: object) -> None:
    seen = []

    def draw(some_value: object) -> Picture:
        seen.append(some_value)
        return Picture(Figure(), "Drawn.")

    sliders = explore(draw, some_value=short)
    control = sliders.controls["some_value"]
    assert isinstance(control, kind) and control.description == "some value"
    assert seen == [first]


def test_a_text_box_waits_until_the_reader_is_done() -> None:
    sliders = explore(lambda text: Picture(Figure(), text), text="a")
    assert sliders.controls["text"].continuous_update is False


@pytest.mark.parametrize("wrong", [3, (1, 2, 3), None, (0.5, 1.0)])
def test_an_unknown_control_is_refused(wrong: object) -> None:
    with pytest.raises(TypeError, match="the control x is"):
        explore(lambda x: Picture(Figure(), "x"), x=wrong)
