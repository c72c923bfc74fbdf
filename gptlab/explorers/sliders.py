"""Sliders above a still picture: move one and the picture is drawn again, without flicker."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from gptlab.show.picture import Picture
from gptlab.show.shown import Shown, in_words

#: A control that does not wait for the reader to let go or press Enter would draw once a letter.
_WAITS = (widgets.Text, widgets.Textarea)
_LIVE = "application/vnd.jupyter.widget-view+json"


class Sliders(Shown, widgets.VBox):
    """Controls, the picture they drive, and the sentence that says what it shows.

    Screen readers are told the sentence whenever it changes; GitHub gets the picture as it stands,
    and a terminal the sentence alone.

    Attributes:
        controls: the widgets by name.
        sentence: what is shown now, or why nothing is, as plain text.
    """

    def __init__(self, draw: Callable[..., Picture], controls: dict[str, Any]) -> None:
        """Show the controls in the order given and draw once."""
        self._draw = draw
        self.controls = controls
        self.sentence = ""
        self._image = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))
        self._says = widgets.HTML()
        for name, control in controls.items():
            if not control.description:
                control.description = name.replace("_", " ")
            control.style.description_width = "initial"
            if isinstance(control, _WAITS):
                control.continuous_update = False
            control.observe(self._redraw, "value")
        super().__init__([*controls.values(), self._image, self._says])
        self._redraw()

    def __repr__(self) -> str:
        return self.sentence

    def _forms(self) -> dict[str, Any]:
        live = widgets.VBox._repr_mimebundle_(self)[_LIVE]
        return {_LIVE: live, **({"image/png": self._image.value} if self._image.value else {})}

    def _redraw(self, change: Any = None) -> None:
        try:
            png, self.sentence = self._drawn()
        except Exception as error:
            # Whatever happened, the last picture would contradict the controls.
            png, self.sentence = b"", f"No picture. {in_words(error)}"
        self._image.value = png
        self._image.layout.display = None if png else "none"
        self._says.value = f'<p role="status" aria-live="polite">{html.escape(self.sentence)}</p>'

    def _drawn(self) -> tuple[bytes, str]:
        picture = self._draw(**{name: control.value for name, control in self.controls.items()})
        if not isinstance(picture, Picture):
            raise TypeError(f"the function returned {type(picture).__name__}; return a Picture.")
        return picture.png(dpi=90), picture.sentence


def explore(draw: Callable[..., Picture], **controls: Any) -> Sliders:
    """Let the reader turn a picture's arguments.

    Args:
        draw: makes the picture from the controls' values, by name. An exception it raises stands in
            the picture's place until the next value, so its message should say what to do instead.
        controls: an ipywidgets control for each argument; or, as short forms, (least, most) of
            whole numbers for a slider, a list for a slider over its values, a string for a text
            box, True or False for a tick box.

    Raises:
        TypeError: for a control that is none of these.
    """
    return Sliders(draw, {name: _control(name, value) for name, value in controls.items()})


def _control(name: str, value: Any) -> Any:
    match value:
        case widgets.Widget():
            return value
        case bool():
            return widgets.Checkbox(value)
        case str():
            return widgets.Text(value, layout=widgets.Layout(width="36em"))
        case list():  # before the pair, whose pattern would take a list of two numbers too
            return widgets.SelectionSlider(options=value)
        case (int(least), int(most)):
            return widgets.IntSlider(least, least, most)
    raise TypeError(
        f"the control {name} is {value!r}; give an ipywidgets control, (least, most), a list, a "
        f"string, True or False."
    )
