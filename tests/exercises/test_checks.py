"""What all checks share: an empty function is told from one without a result, errors from whose."""

import functools
from typing import Any

import pytest
import torch

from gptlab.exercises import ch03_4
from gptlab.exercises.checks import call, exercise
from gptlab.show.verdict import Verdict


@exercise("Fill in double(x).")
def check(answer: Any) -> str:
    if call(answer, torch.ones(2)).sum() != 4:
        raise AssertionError
    return "Yes."


def ellipsis(x: Any) -> Any:
    """Return twice x."""
    ...


def docstring(x: Any) -> Any:
    """Return twice x."""


def only_pass(x: Any) -> Any:
    pass


def not_written(x: Any) -> Any:
    """Return twice x."""
    raise NotImplementedError


def closed_over() -> Any:
    y = 2

    def inner(x: Any) -> Any:
        if False:
            return y
        ...

    return inner


def forgotten(x: torch.Tensor) -> Any:
    """Return twice x."""
    y = 2 * x  # noqa: F841


def forgotten_in_one_way(x: torch.Tensor) -> Any:
    if x.sum() < 0:
        return 2 * x


def in_place(x: torch.Tensor) -> Any:
    x *= 2


class Callable:
    def __call__(self, x: torch.Tensor) -> Any:
        x.mul_(2)


class Stubs:
    def method(self, x: Any) -> Any:
        """Return twice x."""


EMPTY = {
    "ellipsis": ellipsis,
    "docstring": docstring,
    "pass": only_pass,
    "not written": not_written,
    "closed over": closed_over(),
    "lambda": lambda x: ...,
    "partial": functools.partial(docstring),
    "method": Stubs().method,
    "wrapped": functools.lru_cache(docstring),
}
FORGOTTEN = {
    "assignment": forgotten,
    "one way": forgotten_in_one_way,
    "in place": in_place,
    "lambda": lambda x: print(end=""),
    "partial": functools.partial(forgotten),
    "instance": Callable(),
    "built in": [].append,
}


#: What the reader calls those that have a name of their own; the others go by the task's.
NAMES = {
    "ellipsis": "ellipsis",
    "docstring": "docstring",
    "pass": "only_pass",
    "not written": "not_written",
    "closed over": "inner",
}


@pytest.mark.parametrize("case", EMPTY)
def test_a_function_in_which_nothing_is_written_is_empty(case: str) -> None:
    name = NAMES.get(case, "double")
    assert check(EMPTY[case]) == Verdict("empty", f"Fill in {name}(x).")


def test_the_readers_own_name_is_used_where_there_is_one() -> None:
    def my_double(x: int) -> None: ...

    assert check(my_double) == Verdict("empty", "Fill in my_double(x).")
    assert check(type("Odd", (), {"__name__": 3, "__call__": lambda self, x: None})()).state
    assert check(lambda x: ...) == check(None) == Verdict("empty", "Fill in double(x).")


@pytest.mark.parametrize("answer", FORGOTTEN.values(), ids=FORGOTTEN)
def test_a_forgotten_return_is_said(answer: Any) -> None:
    verdict = check(answer)
    assert verdict.state == "wrong" and "`return`" in verdict.message


def test_what_torch_has_not_implemented_is_no_empty_answer() -> None:
    verdict = check(lambda x: torch.empty(2, device="meta").tolist())
    assert verdict.state == "wrong" and "NotImplementedError" in verdict.message


def helper(x: torch.Tensor) -> torch.Tensor:
    return x @ torch.ones(3, 3)


def stops_in_torch(x: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.linear(x, torch.ones(3, 3))


def stops_in_an_einsum(x: torch.Tensor) -> torch.Tensor:
    return torch.einsum("ij,jk->ik", x, x)


def stops_in_a_helper(x: torch.Tensor) -> torch.Tensor:
    return helper(x)


def stops_in_the_library(x: torch.Tensor) -> torch.Tensor:
    return functools.reduce(lambda a, b: a + b, [], *[])  # the reader's


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (stops_in_torch, "return torch.nn.functional.linear(x, torch.ones(3, 3))"),
        (stops_in_an_einsum, 'return torch.einsum("ij,jk->ik", x, x)'),
        (stops_in_a_helper, "return x @ torch.ones(3, 3)"),
        (stops_in_the_library, "return functools.reduce(lambda a, b: a + b, [], *[])"),
    ],
)
def test_an_error_shows_the_readers_own_line(answer: Any, line: str) -> None:
    verdict = check(answer)
    assert verdict.state == "wrong" and f"(at: {line}" in verdict.message


def test_an_error_that_met_none_of_the_readers_lines_shows_none() -> None:
    """The check's own line would say nothing to a reader."""
    verdict = ch03_4.banded_mask(torch.exp)
    assert verdict.state == "wrong" and "TypeError" in verdict.message
    assert "(at:" not in verdict.message
