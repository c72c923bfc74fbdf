"""Chapter 3.1's training step: every order of its parts is told what it does."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from gptlab.exercises import ch03_1 as check


def step_of(order: str, told: str = "float") -> Callable[..., Any]:
    """Make a step of its parts: (c)lear, (f)orward, (b)ackward, (s)tep."""

    def answer(model: Any, x: Any, y: Any, optimizer: Any) -> Any:
        loss = torch.tensor(0.0)
        for part in order:
            match part:
                case "c":
                    optimizer.zero_grad()
                case "f":
                    loss = model(x, y)[1]
                case "b":
                    loss.backward()
                case "s":
                    optimizer.step()
        return {
            "float": lambda: loss.item(),
            "tensor": lambda: loss,
            "detached": lambda: loss.detach(),
            "both": lambda: model(x, y),
            "after": lambda: model(x, y)[1].item(),
            "sum": lambda: loss.item() * x.numel(),
            "text": lambda: f"{loss:.2f}",
            "nothing": lambda: None,
        }[told]()

    return answer


def by_cross_entropy(model: Any, x: Any, y: Any, optimizer: Any) -> float:
    loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
    model.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def with_zeros(model: Any, x: Any, y: Any, optimizer: Any) -> float:
    optimizer.zero_grad(set_to_none=False)
    return step_of("fbs")(model, x, y, optimizer)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "answer",
    [step_of("cfbs"), step_of("fcbs"), step_of("fbsc"), by_cross_entropy, with_zeros],
)
def test_step_right(answer: Callable[..., Any]) -> None:
    verdict = check.train_step(answer)
    assert verdict.passed, verdict


def test_a_step_outside_of_gradients_is_no_matter() -> None:
    with torch.no_grad():
        assert check.train_step(step_of("cfbs")).passed


def upwards(model: Any, x: Any, y: Any, optimizer: Any) -> float:
    loss = model(x, y)[1]
    optimizer.zero_grad()
    (-loss).backward()
    optimizer.step()
    return loss.item()


def of_one_sequence(model: Any, x: Any, y: Any, optimizer: Any) -> float:
    return step_of("cfbs")(model, x[:1], y[:1], optimizer)  # type: ignore[no-any-return]


def without_gradients(model: Any, x: Any, y: Any, optimizer: Any) -> float:
    with torch.no_grad():
        return step_of("cfbs")(model, x, y, optimizer)  # type: ignore[no-any-return]


MISTAKES: list[tuple[Callable[..., Any], str]] = [
    (step_of("fbs"), "the first batch"),
    (step_of("cfb"), "did not move"),
    (step_of("fb"), "did not move"),
    (step_of("cfs"), "no gradients were computed"),
    (step_of("cf"), "and no more"),
    (step_of("f"), "and no more"),
    (step_of("cfsb"), "before the gradients"),
    (step_of("sfb"), "before the gradients"),
    (step_of("fsbc"), "before the gradients"),
    (step_of("fbcs"), "before the optimizer has used them"),
    (step_of("cfbss"), "yours makes 2"),
    (step_of("c"), "never called"),
    (upwards, "gradients lead"),
    (of_one_sequence, "gradients lead"),
    (without_gradients, "raised RuntimeError"),
    (step_of("cfbs", "tensor"), "holds the graph"),
    (step_of("cfbs", "detached"), "loss is a tensor"),
    (step_of("cfbs", "both"), "not 2 things"),
    (step_of("cfbs", "after"), "the loss after it"),
    (step_of("cfbs", "sum"), "the mean"),
    (step_of("cfbs", "text"), "not str"),
    (step_of("cfbs", "nothing"), "return"),
]


@pytest.mark.parametrize(("answer", "says"), MISTAKES)
def test_step_wrong(answer: Callable[..., Any], says: str) -> None:
    verdict = check.train_step(answer)
    assert verdict.state == "wrong" and says in verdict.message, verdict


def test_each_order_of_the_parts_has_its_own_message() -> None:
    said = {check.train_step(answer).message for answer, _ in MISTAKES[:12]}
    assert len(said) == 8
