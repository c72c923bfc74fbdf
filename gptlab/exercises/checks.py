"""What all checks of exercises share: from a function that may fail to a `Verdict` that says so.

A check takes the reader's answer and returns a `Verdict` at once. It never raises: an empty answer
says that nothing is there yet, a wrong one says what is wrong without giving the answer, and an
answer that crashes says how, and in which of the reader's own lines.
"""

from __future__ import annotations

import dis
import inspect
import math
import re
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial, wraps
from numbers import Real
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import torch
from torch import Tensor

from gptlab.show.shown import in_words
from gptlab.show.verdict import Verdict

#: What a function is made of that does nothing and returns None, as `...` or a docstring alone.
_IDLE = {"RESUME", "NOP", "CACHE", "COPY_FREE_VARS", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE"}
#: Folders whose code is nobody's answer: this package, and Python's own library.
_LIBRARIES = (Path(__file__).parents[1], Path(traceback.__file__).parent)
#: How most tasks begin.
_FILL_IN = re.compile(r"^Fill in (\w+)\(")


class Wrong(Exception):
    """Raised inside a check with the message for the reader."""


class Empty(Exception):
    """Raised inside a check when there is no answer yet."""


def exercise(task: str) -> Callable[[Callable[[Any], str]], Callable[..., Verdict]]:
    """Turn a check into one that never crashes.

    Args:
        task: what to do, in a few words; said when the answer is empty. In "Fill in NAME(…)" the
            reader's own name for the function takes the place of NAME.

    The check below it takes the answer, returns the praise, and raises `Wrong` with a hint.
    """

    def wrap(check: Callable[[Any], str]) -> Callable[..., Verdict]:
        @wraps(check)
        def run(answer: Any = None) -> Verdict:
            empty = Verdict("empty", _FILL_IN.sub(f"Fill in {_name(answer)}(", task))
            if answer is None or answer is ...:
                return empty
            try:
                return Verdict("right", check(answer))
            except Empty:
                return empty
            except Wrong as wrong:
                return Verdict("wrong", str(wrong))
            except (Exception, SystemExit) as error:  # exit() in an answer must not end the kernel
                line = _own_line(error)
                if isinstance(error, NotImplementedError) and "raise" in line:
                    return empty  # the reader's, not torch's
                where = f" (at: {line})" if line else ""
                return Verdict("wrong", f"Your answer raised {in_words(error)}{where}")

        return run

    return wrap


def _name(answer: Any) -> str:
    """Return what the reader calls a function; the task's own name for what has none."""
    # Asked of anything else, an attribute may run the reader's own code, and raise.
    named = isinstance(answer, FunctionType) and answer.__name__.isidentifier()
    return answer.__name__ if named else r"\1"


def call(answer: Any, *arguments: Any) -> Any:
    """Call the reader's function on copies of the arguments and return its result.

    Raises:
        Wrong: for what is no function, or a function that works and returns nothing.
        Empty: for a function in which nothing is written yet.
    """
    if not callable(answer):
        raise Wrong(f"Hand over the function itself, not {type(answer).__name__}.")
    copies = [a.clone() if isinstance(a, Tensor) else a for a in arguments]
    result = answer(*copies)
    if result is None and not _is_idle(answer):
        raise Wrong(
            "Your function runs to its end and returns nothing (None). What it has worked out must "
            "be handed back with `return`."
        )
    if result is None or result is ...:
        raise Empty
    return result


def _is_idle(answer: Any) -> bool:
    """Whether a function's body does nothing: `...`, a docstring, `pass`, `return None`."""
    while isinstance(answer, partial):
        answer = answer.func
    code = getattr(inspect.unwrap(answer), "__code__", None)
    if not isinstance(code, CodeType):
        return False
    return all(step.opname in _IDLE for step in dis.get_instructions(code))


def _own_line(error: BaseException) -> str:
    """Return the reader's own line that an error passed through last; empty where it met none."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((f.line or "" for f in reversed(frames) if _is_own(f.filename)), "")


def _is_own(filename: str) -> bool:
    """Whether code is the reader's: a cell's or a file's, not a library's."""
    path = Path(filename)
    installed = {"site-packages", "dist-packages"} & set(path.parts)
    of_a_library = any(path.is_relative_to(folder) for folder in _LIBRARIES)
    return not (installed or of_a_library or filename.startswith("<frozen"))


def tensor(value: Any, shape: tuple[int, ...], name: str = "the result") -> Tensor:
    """Return the value if it is a tensor of the right shape, or say what it is instead."""
    if not isinstance(value, Tensor):
        raise Wrong(f"{name} should be a tensor of shape {shape}, not {type(value).__name__}.")
    if tuple(value.shape) != shape:
        raise Wrong(f"{name} has shape {tuple(value.shape)}; it should be {shape}.")
    return value


def number(value: Any) -> float:
    """Return the value as a float, or say that it is no number."""
    if isinstance(value, Tensor) and value.numel() == 1:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Real):  # numpy's are
        raise Wrong(f"The answer should be a number, not {type(value).__name__}.")
    return float(value)


def train_and_test(result: Any, given: Sequence[Any], called: str) -> tuple[list[Any], list[Any]]:
    """Return both lists of a split, or say what they are instead.

    Args:
        result: what the reader's function returned.
        given: what it was to split.
        called: what that is, in the plural.
    """
    if not isinstance(result, list | tuple) or len(result) != 2:
        raise Wrong(f"Return two lists of {called}, (train, test), not {type(result).__name__}.")
    for name, part in zip(("train", "test"), result, strict=True):
        if not isinstance(part, list | tuple):
            raise Wrong(f"{name} should be a list of {called}, not {type(part).__name__}.")
        if made := [one for one in part if one not in given]:
            raise Wrong(f"{name} holds {str(made[0])[:60]}, which is none of the {called}.")
    train, test = result
    return list(train), list(test)


def close(value: float, other: float) -> bool:
    """Whether two numbers agree to four digits."""
    return math.isclose(value, other, rel_tol=1e-4, abs_tol=1e-7)


def name_mistake(
    value: Any,
    mistakes: Mapping[Any, str] | Iterable[tuple[Any, str]],
    alike: Callable[[Any, Any], bool] = close,
) -> None:
    """Raise `Wrong` with the message of the first mistake that leads to this value, if one does.

    Args:
        value: the reader's.
        mistakes: what comes out by each mistake, and what to say then.
        alike: whether two such values are the same.
    """
    pairs = mistakes.items() if isinstance(mistakes, Mapping) else mistakes
    for wrong, message in pairs:
        if alike(value, wrong):
            raise Wrong(message)


def same(value: Tensor, other: Tensor) -> bool:
    """Whether two tensors agree to five digits."""
    return torch.allclose(value.float(), other.float(), atol=1e-5, rtol=1e-5)
