"""What comes with the package as files: GPT-2's merges, one trained model, recorded results."""

from importlib.resources import files

DATA = files(__name__)
