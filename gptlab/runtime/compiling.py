"""Compiling the forward pass, and what to do where the machine cannot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


class CompilingFailed(RuntimeError):
    """The model was to be compiled, and this machine cannot."""


class Compiled:
    """A forward pass that torch compiles at its first call.

    Attributes:
        failed: why it runs as it is; empty while nothing has gone wrong.
    """

    def __init__(
        self, forward: Callable[..., Any], asked: bool, tell: Callable[[str], None]
    ) -> None:
        """Take the forward pass.

        Args:
            forward: what to compile.
            asked: whether a person asked for it; then failing is an error. Else the forward pass
                runs as it is.
            tell: called with a sentence when it fails and goes on.
        """
        self._plain, self._asked, self._tell = forward, asked, tell
        self._compiled = torch.compile(forward)
        self.failed = ""

    def __call__(self, *arguments: Any) -> Any:
        """Run the forward pass.

        Raises:
            CompilingFailed: if compiling was asked for and cannot be done.
        """
        if self.failed:
            return self._plain(*arguments)
        try:
            return self._compiled(*arguments)
        except RuntimeError as error:
            # Loaded by now; at the top it would add seconds to every import.
            from torch._dynamo.exc import TorchDynamoException

            if not isinstance(error, TorchDynamoException):
                raise
            said = next((line for line in str(error).splitlines() if line.strip()), "no reason")
            self.failed = said.strip()
        if self._asked:
            raise CompilingFailed(
                f"torch.compile failed here: {self.failed} Leave compiling out, or install a C++ "
                f"compiler and Python's headers (on Debian: g++ and python3-dev)."
            )
        self._tell(f"Not compiled, because torch.compile failed: {self.failed}")
        return self._plain(*arguments)
