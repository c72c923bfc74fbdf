"""Where what comes with the package lies."""

from importlib.resources import files

DATA = files("gptlab") / "data"
