"""`python -m gptlab COMMAND`, for scripts: train, compare, generate, finetune, predict, check.

Progress goes to standard error. The last line of standard output of `train`, `compare` and
`finetune` is one JSON object. Exit codes: 0 done, 1 the run failed, 2 wrong arguments or input, 130
stopped by Ctrl-C (what was learned is kept).
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from gptlab.commands import check, compare, finetune, generate, predict, train
from gptlab.commands.options import DONE, FAILED, STOPPED, WRONG, is_utf8

COMMANDS = {
    "train": train,
    "compare": compare,
    "generate": generate,
    "finetune": finetune,
    "predict": predict,
    "check": check,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    _write_any_character()
    options = vars(_parser().parse_args(arguments))
    command = options.pop("command")
    from gptlab.runtime.compiling import CompilingFailed
    from gptlab.runtime.locks import FolderInUse
    from gptlab.runtime.processes import WorkerLost, leave
    from gptlab.training import TrainingDiverged

    try:
        return COMMANDS[command].run(options)
    except BrokenPipeError:  # whoever reads the output has had enough, as in `… | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except (TrainingDiverged, FolderInUse, WorkerLost, CompilingFailed) as error:
        return _say(error, FAILED)
    except (ValueError, OSError) as error:
        return _say(error, WRONG)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "alloc" not in str(error):
            raise
        return _say("there is not enough memory; use a smaller model or batch.", FAILED)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return STOPPED
    finally:
        leave()


def _write_any_character() -> None:
    """Let a terminal that cannot write a character show its escape, instead of ending the run."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not is_utf8(stream):
            stream.reconfigure(errors="backslashreplace")


def _say(error: Exception | str, code: int) -> int:
    print(f"gptlab: {error}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gptlab", description="Train, compare, sample and fine-tune small GPTs."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS.values():
        command.add(commands)
    return parser


if __name__ == "__main__":
    code = main()
    if "WORLD_SIZE" in os.environ:  # under torchrun
        # torch's threads of several processes can abort as the interpreter ends, after all is
        # done and saved, and torchrun would call that a failure.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
