"""Waiting for a library: quick ones pass unseen, slow ones are explained, Ctrl-C is heard."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from gptlab.runtime.waiting import wait_for


def test_what_is_quick_is_not_talked_about(capsys: pytest.CaptureFixture[str]) -> None:
    assert wait_for(lambda: 3, "Counting …", moment=60) == 3
    assert capsys.readouterr() == ("", "")


def test_what_is_slow_is_said_once_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    done = threading.Event()
    threading.Timer(0.3, done.set).start()
    assert wait_for(lambda: done.wait(60), "Counting …", moment=0.01)
    assert capsys.readouterr() == ("", "Counting …\n")


def test_an_error_comes_out_as_it_is() -> None:
    with pytest.raises(ValueError, match="wrong"):
        wait_for(lambda: int("wrong"), "Reading …")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C to a whole group")
def test_ctrl_c_ends_learning() -> None:
    """Learning from a megabyte of pairs that never repeat enough takes many seconds."""
    # Whoever starts the tests in the background of a shell leaves them deaf to this signal.
    code = """
        import random, signal
        signal.signal(signal.SIGINT, signal.default_int_handler)
        from gptlab.tokenizer import BPETokenizer
        text = "".join(random.Random(0).choices("ACGT", k=20_000_000))
        print("ready", flush=True)
        BPETokenizer.train(text, 4096)
        """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == "ready\n"
        assert process.stderr.readline().startswith("Learning a vocabulary of 4,096 tokens")
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        _, errors = process.communicate(timeout=60)
    assert errors.strip().endswith("KeyboardInterrupt")
    assert process.returncode != 0
    assert time.monotonic() - began < 30
