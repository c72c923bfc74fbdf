"""How much to compute: one word for the whole book, from the environment or from the machine.

``smoke`` is for tests (seconds a chapter), ``laptop`` for two CPU cores (ten minutes a chapter at
most), ``gpu`` for one GPU of 8 GB. A chapter reads the same at each; only its numbers grow.
"""

from __future__ import annotations

import os
from typing import Literal, TypeVar

Scale = Literal["smoke", "laptop", "gpu"]
T = TypeVar("T")

VARIABLE = "GPTLAB_SCALE"
MIN_GPU_BYTES = 7_000_000_000  # a card sold as 8 GB shows a little less than that


def scale() -> Scale:
    """Return the scale to compute at: ``GPTLAB_SCALE`` if it is set, else what the machine allows.

    Raises:
        ValueError: if ``GPTLAB_SCALE`` is none of the three words.
    """
    word = os.environ.get(VARIABLE, "")
    match word:
        case "smoke" | "laptop" | "gpu":
            return word
        case "":
            return "gpu" if _gpu_bytes() >= MIN_GPU_BYTES else "laptop"
        case _:
            raise ValueError(
                f"{VARIABLE} is {word!r}; set it to smoke, laptop or gpu, "
                "or unset it to let the machine decide."
            )


def pick(*, smoke: T, laptop: T, gpu: T) -> T:
    """Return the value meant for the scale in use, as in ``pick(smoke=5, laptop=600, gpu=5000)``.

    Raises:
        ValueError: if ``GPTLAB_SCALE`` is none of the three words.
    """
    return {"smoke": smoke, "laptop": laptop, "gpu": gpu}[scale()]


def describe() -> str:
    """Say in one or two sentences which scale and device are in use, and how to change the scale.

    Raises:
        ValueError: if ``GPTLAB_SCALE`` is none of the three words.
    """
    import torch

    from gptlab.runtime.device import choose, describe_device

    device = choose().device
    match device.type:
        case "cpu":
            where = f"cpu ({torch.get_num_threads()} threads)"
        case "cuda":
            where = f"{device} ({describe_device(device)}, {_gpu_bytes() / 1e9:.0f} GB)"
        case _:
            where = f"{device} ({describe_device(device)})"
    match scale():
        case "smoke":
            hint = f"Numbers are too small to mean much: {VARIABLE}=laptop gives real ones."
        case "gpu" if device.type == "cpu":
            hint = f"This scale expects a GPU and takes hours without: {VARIABLE}=laptop fits."
        case _:
            hint = f"Set {VARIABLE}=smoke before starting Jupyter for a quick look."
    return f"Scale: {scale()}; device: {where}. {hint}"


def _gpu_bytes() -> int:
    """Memory of the first NVIDIA GPU in bytes; 0 without one."""
    import torch  # here, so that `import gptlab` alone stays quick

    if not torch.cuda.is_available():
        return 0
    return int(torch.cuda.get_device_properties(0).total_memory)
