"""What holds for every exercise there is: whatever a reader hands over, a check answers."""

import importlib
import inspect
import math
import pkgutil
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch

import gptlab.exercises
from gptlab.show.verdict import Verdict

MODULES = [
    importlib.import_module(f"gptlab.exercises.{found.name}")
    for found in pkgutil.iter_modules(gptlab.exercises.__path__)
    if found.name.startswith("ch") and found.name != "checks"
]
CHECKS = {
    f"{module.__name__.rpartition('.')[2]}.{name}": value
    for module in MODULES
    for name, value in vars(module).items()
    if inspect.isfunction(value)
    and value.__module__ == module.__name__
    and not name.startswith("_")
}


class Mute(Exception):
    """An exception that cannot even say itself."""

    def __str__(self) -> str:
        raise RuntimeError


class Unfriendly:
    """An object that refuses whatever is done with it."""

    def __getattr__(self, name: str) -> Any:
        raise KeyError(name)

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    def __bool__(self) -> bool:
        raise RuntimeError("no")

    def __repr__(self) -> str:
        raise RuntimeError("no")


def raising(error: BaseException) -> Callable[..., Any]:
    def answer(*_: Any) -> Any:
        raise error

    return answer


def deep(*arguments: Any) -> Any:
    return deep(*arguments)


def changing(*arguments: Any) -> Any:
    for argument in arguments:
        if isinstance(argument, torch.Tensor):
            argument.zero_()
    return arguments[0]


VALUES: dict[str, Any] = {
    "text": "text",
    "empty text": "",
    "list": [1, 2],
    "empty list": [],
    "dict": {},
    "object": object(),
    "unfriendly": Unfriendly(),
    "true": True,
    "zero": 0,
    "negative": -1,
    "nan": math.nan,
    "inf": math.inf,
    "huge": 10**400,
    "complex": 1j,
    "scalar": torch.tensor(1.0),
    "vector": torch.ones(2),
    "no element": torch.ones(0),
    "complex tensor": torch.ones(2, dtype=torch.complex64),
    "meta": torch.ones(2, device="meta"),
    "sparse": torch.eye(3).to_sparse(),
    "nans": torch.full((6, 6), math.nan),
    "pair": (torch.ones(2), None),
    "pair of scalars": (torch.tensor(1), torch.tensor(1)),
    "class": int,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "no argument": lambda: 1,
    "first argument": lambda *a: a[0],
    "all arguments": lambda *a: a,
    "changing": changing,
    "deep": deep,
    "same shape": lambda *a: torch.zeros_like(a[0]),
    "generator": lambda *a: (x for x in a),
    **{f"returns {name}": lambda *_, value=value: value for name, value in VALUES.items()},
    **{
        f"raises {type(error).__name__}": raising(error)
        for error in (
            ValueError("<b>two\nlines</b>"),
            KeyError(),
            Mute(),
            AssertionError(),
            StopIteration(),
            MemoryError(),
            SystemExit(3),
            RuntimeError("size mismatch"),
        )
    },
}
HOSTILE = {**VALUES, **FUNCTIONS}
EMPTY = {
    "none": None,
    "ellipsis": ...,
    "returns none": lambda *_: None,
    "returns ellipsis": lambda *_: ...,
    "not written": raising(NotImplementedError()),
}

checks = pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)


def test_the_checks_were_found() -> None:
    assert len(MODULES) >= 4 and len(CHECKS) >= 13
    assert {"ch03_1.causal_mask", "ch03_4.exponent"} <= set(CHECKS)


@checks
@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_answer_is_wrong_and_no_crash(check, answer: Any) -> None:  # type: ignore[no-untyped-def]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what an answer does to torch is its own affair
        verdict = check(answer)
    assert isinstance(verdict, Verdict) and verdict.state == "wrong"
    assert verdict.message.strip()
    assert "\n" not in repr(verdict)
    assert "<b>" not in verdict._repr_mimebundle_()[0]["text/html"]


@checks
@pytest.mark.parametrize("answer", EMPTY.values(), ids=EMPTY)
def test_an_empty_answer_is_told_what_to_do(check, answer: Any) -> None:  # type: ignore[no-untyped-def]
    verdict = check(answer)
    # Where a number is asked for, a function is no empty answer.
    asks_for_a_number = check(lambda *_: 1).message.startswith("The answer should be a number")
    assert verdict.state == ("wrong" if callable(answer) and asks_for_a_number else "empty")
    assert check().state == "empty"


@checks
def test_a_check_leaves_the_random_numbers_alone(check) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    check(lambda *a: a[0])
    assert torch.equal(torch.rand(1), expected)


@checks
def test_only_the_end_of_the_world_gets_through(check) -> None:  # type: ignore[no-untyped-def]
    """Ctrl-C must end an answer that never ends."""
    if check(lambda *_: 1).message.startswith("The answer should be a number"):
        return  # it calls nothing
    with pytest.raises(KeyboardInterrupt):
        check(raising(KeyboardInterrupt()))
