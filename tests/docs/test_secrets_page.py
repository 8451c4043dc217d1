"""What docs/secrets.md has a reader type works in the order in which it stands there."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from maintain.rendering import make_repository

from ..conftest import Render
from ..support.service import ROOT, Service, git


def commands() -> list[str]:
    """The lines of the first block, without what is said of them."""
    text = (ROOT / "docs" / "secrets.md").read_text(encoding="utf-8")
    block = text.partition("## Secrets in git")[2].partition("```\n")[2].partition("```")[0]
    return [re.sub(r" +# .*", "", line) for line in block.splitlines()]


def test_the_way_to_secrets_in_git_is_walked_as_it_is_shown(rendered: Render, tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "orders"
    (home / ".ssh").mkdir(parents=True)
    key = home / ".ssh" / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bob", "-f", key], check=True)
    shutil.copytree(rendered(cache="redis"), folder)
    make_repository(folder)
    (folder / "password.txt").write_text("a password from a file\n")
    author = {f"GIT_{who}_{what}": "alice@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    service = Service(folder, tmp_path / "state", env={"HOME": str(home), "EDITOR": "true", **author})
    env = service.environment()
    inv, recipient, said = shlex.join([sys.executable, "-m", "invoke"]), "", ""

    for line in commands():
        typed = line.replace("./inv", inv).replace("age1…", recipient)
        done = subprocess.run(
            typed, shell=True, cwd=folder, env=env, input="typed by alice", capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        recipient = recipient or done.stdout.strip()
        said = done.stdout if "secrets.check" in line else said

    assert "alice, bob" in said
    assert git(folder, "show", "--stat", "--format=").count("secrets/prod.") == 3
    assert git(folder, "status", "--porcelain").split() == ["??", "password.txt"]
