"""The lock of a machine's own deploys: what whoever does not get it is told."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from service_tasks.engine.core.errors import LockedFault
from service_tasks.engine.deploy.lock import Holder, file_lock, this_process


@pytest.mark.parametrize("left", ["nothing", "the one before"])
def test_a_holder_that_is_about_to_write_its_name_is_waited_for(tmp_path: Path, left: str) -> None:
    path = tmp_path / "lock"
    path.write_text("" if left == "nothing" else json.dumps(ended().document()))
    with path.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        threading.Thread(target=write_name, args=(path,)).start()

        with pytest.raises(LockedFault) as refused, file_lock(tmp_path, "rollback"):
            pass

    assert "deploy --env=staging by" in refused.value.where


def write_name(path: Path) -> None:
    """Name the holder of a lock, some time after it was taken."""
    time.sleep(0.3)
    path.write_text(json.dumps(this_process("deploy --env=staging").document()))


def ended() -> Holder:
    """A process that held the lock before, and has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    holder = this_process("down --env=staging")
    return Holder(holder.user, holder.host, f"{process.pid}:1", holder.command, holder.since)
