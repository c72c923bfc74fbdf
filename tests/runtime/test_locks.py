"""One run a folder, also where the file system has no locks."""

import errno
from pathlib import Path

import pytest

from gptlab.runtime.locks import FolderInUse, only_run_in

fcntl = pytest.importorskip("fcntl", reason="Windows has no such locks")


def test_a_held_folder_is_refused_until_it_is_free(tmp_path: Path) -> None:
    with (
        only_run_in(tmp_path / "run"),
        pytest.raises(FolderInUse, match="another run"),
        only_run_in(tmp_path / "run"),
    ):
        pass
    with only_run_in(tmp_path / "run"):
        pass


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_without_locks_it_goes_on_and_says_so(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: int,
) -> None:
    def no_locks(*arguments: object) -> None:
        raise OSError(number, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    entered = False
    with only_run_in(tmp_path):
        entered = True
    assert entered and "has no locks" in capsys.readouterr().err


def test_another_failure_is_no_missing_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", broken)
    with pytest.raises(OSError, match="Input/output"), only_run_in(tmp_path):
        pass
