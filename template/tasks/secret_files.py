"""Tasks on the secrets that are in git, encrypted for those who may read them."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from invoke.context import Context

from .cli import ENV, JSON, Session, leave, service_task, session
from .engine.config.age import make_identity, own_identity, parse_recipient
from .engine.config.dotenv import replace_entry
from .engine.config.findings import CAPITALS
from .engine.config.secret_file import Recipient, SecretFile
from .engine.core.console import print_json, table
from .engine.core.errors import Fault, UsageFault, nearest
from .engine.secrets.changes import changes
from .engine.secrets.editing import edit as edit_in_memory
from .engine.secrets.merging import merge as merge_sides

ACTIONS = ("add", "remove")
RANDOM_BYTES = 24
"""Of a random value, which is printable: 192 bits are more than anybody can try."""


@service_task()
def keygen(c: Context) -> None:
    """Make an identity of your own, and print its recipient: what others need to let you read secrets."""
    path = own_identity()
    recipient = make_identity(path)
    print(f"{path}: keep it, and show it to nobody", file=sys.stderr)
    print(recipient)


@service_task(
    help={
        **ENV,
        "action": "add or remove",
        "key": "a public key of age or ssh, or its file; to remove one, its name will do",
        "name": "what people call who has it",
    },
)
def recipients(c: Context, action: str, key: str, env: str = "dev", name: str = "") -> None:
    """Change who can read an environment's secrets: add or remove one, and encrypt them anew for all who are left."""
    s, file = _file(c, env)
    if action not in ACTIONS:
        raise UsageFault(f'"{action}" is no action', remedy=nearest(action, ACTIONS))
    wanted = _with(file, key, name) if action == "add" else _without(file, key)
    _save(s, file, file.text(), wanted)
    if action == "remove" and file.names:
        print(f"Who was removed has read, in git's past: {', '.join(file.names)}.")
        print("Give them new values where they are made, and then here: secrets.set NAME.")


@service_task(help=ENV)
def edit(c: Context, env: str = "dev") -> None:
    """Open an environment's secrets in your editor ($VISUAL, $EDITOR), in memory alone, and save them as a whole."""
    s, file = _file(c, env)
    before = file.text()
    edited = edit_in_memory(before, f"{env}.env", lambda text: _require_right(s, file, text), _ask_again)
    if edited == before:
        print("Nothing was changed.")
        return
    if file.text() != before:
        raise UsageFault(f"{file.name} was changed by somebody else meanwhile; your edit was not saved")
    _save(s, file, edited)


@service_task(name="set", help={**ENV, "name": "the variable", "random": "make a value that nobody has to know"})
def set_one(c: Context, name: str, env: str = "dev", random: bool = False) -> None:
    """Give one secret another value: it is asked for, or read from standard input, and never an argument."""
    s, file = _file(c, env)
    variables = s.environments.schema.variables
    if name not in variables:
        raise UsageFault(f"{name} is not in .env.example", remedy=nearest(name, variables))
    value = token_urlsafe(RANDOM_BYTES) if random else _asked_for(name)
    text = replace_entry(file.text(), name, value)
    _require_right(s, file, text)
    _save(s, file, text)


@service_task(help=ENV)
def rotate(c: Context, env: str = "dev") -> None:
    """Encrypt an environment's secrets anew, with a new key, for the recipients as they are listed now."""
    s, file = _file(c, env)
    if not file.exists:
        raise UsageFault(f"{file.name} is not there", remedy=f"secrets.set NAME --env={env} makes it")
    _save(s, file, file.text())


@service_task(
    iterable=["ours", "theirs"],
    help={**ENV, "ours": "a name whose value stays ours", "theirs": "a name whose value is to be theirs"},
)
def merge(c: Context, env: str = "dev", ours: Sequence[str] | None = None, theirs: Sequence[str] | None = None) -> None:
    """Bring two edits together that git could not merge, name by name."""
    s, file = _file(c, env)
    merge_sides(s.runner, file, ours or (), theirs or ())
    print(f"{file.name} has both sides' changes, and git knows it: git commit, or git rebase --continue")


@service_task(help={"env": "one environment (default: all of them)", **JSON})
def check(c: Context, env: str = "", json: bool = False) -> None:
    """Show which secrets are in git, since when and for whom, and whether you can read them."""
    s = session(c, env, json)
    wanted = [env] if env else list(s.settings.environments)
    found = [_examined(s.environments.secret_file(name)) for name in wanted if s.environments.secret_file(name).exists]
    if json:
        print_json(found)
    else:
        rows = [
            (
                each["file"],
                len(each["names"]),
                each["oldest"] or "-",
                ", ".join(each["recipients"]),
                each["fault"] or "yes",
            )
            for each in found
        ]
        table(("file", "secrets", "oldest", "for", "readable"), [[str(cell or "-") for cell in row] for row in rows])
    if any(each["fault"] for each in found):
        leave(2)


def _file(c: Context, env: str) -> tuple[Session, SecretFile]:
    """The file of an environment that there is."""
    s = session(c, env)
    return s, s.environments.secret_file(env)


def _save(s: Session, file: SecretFile, text: str, recipients: Sequence[Recipient] | None = None) -> None:
    """Encrypt and write a text, and tell by names what changed."""
    before = file.values()
    file.save(text, before, recipients)
    for line in changes(before, file.parse(text).values()).lines():
        print(line)
    names = ", ".join(each.name or f"{each.key[:16]}…" for each in file.recipients)
    print(f"{file.name} is encrypted for {names}: commit {file.path.parent}/")
    try:
        file.text()
    except Fault:
        s.console.note("you cannot read it yourself: secrets.recipients add, with yours, while somebody here can")


def _with(file: SecretFile, text: str, name: str) -> list[Recipient]:
    """The recipients and one more, which is given as a public key or as a file of one."""
    path = Path(text).expanduser()
    if len(text) < 4096 and path.is_file():
        text = path.read_text(encoding="utf-8", errors="replace").strip()
    words = text.split(" ", 2) if text.startswith("ssh-") else [text]
    key = " ".join(words[:2])
    parse_recipient(key)
    said = name or " ".join(words[2:])
    return [*(each for each in file.recipients if each.key != key), Recipient(key, said)]


def _without(file: SecretFile, wanted: str) -> list[Recipient]:
    """The recipients without one, which is given by its key or its name."""
    left = [each for each in file.recipients if wanted not in (each.key, each.name)]
    if len(left) == len(file.recipients):
        known = [each.name or each.key for each in file.recipients]
        raise UsageFault(f'"{wanted}" is no recipient of {file.name}', remedy=nearest(wanted, known))
    if not left:
        raise UsageFault(f"nobody could read {file.name} any more", remedy="add another recipient first")
    return left


def _asked_for(name: str) -> str:
    """A value from standard input without its last line end, or from whoever sits at the terminal."""
    if sys.stdin.isatty():
        return getpass.getpass(f"{name}: ")
    data = sys.stdin.buffer.read()
    try:
        value = data.decode()
    except UnicodeDecodeError:
        raise UsageFault(f"the value of {name} is no UTF-8 text", remedy="keep it as base64") from None
    return value.removesuffix("\n").removesuffix("\r")


def _require_right(s: Session, file: SecretFile, text: str) -> None:
    """UsageFault where a text has a name that the schema has not, or a value that is not what it says."""
    known, faults = s.environments.schema.variables, []
    for entry in file.parse(text).entries:
        if entry.name not in known:
            # What was pasted wrongly may be a piece of a secret.
            shown = entry.name if CAPITALS.fullmatch(entry.name) else "the name"
            faults.append(f"line {entry.line}: {shown} is not in .env.example")
        elif entry.value and (fault := replace(known[entry.name], sensitive=True).fault(entry.value)):
            faults.append(f"line {entry.line}: {entry.name}: {fault}")
    if faults:
        raise UsageFault("the secrets are not right, and nothing was changed", where=file.name, details=faults)


def _ask_again(fault: Fault) -> bool:
    """Whether somebody at the terminal wants to correct an edit."""
    if not sys.stdin.isatty():
        return False
    print(fault, file=sys.stderr)
    return input("Open the editor again? [Y/n] ").strip().lower() in ("", "y", "yes")


def _examined(file: SecretFile) -> dict[str, Any]:
    """What anybody can see of a file, and whether it can be read here."""
    found: dict[str, Any] = {"file": file.name, "names": {}, "recipients": [], "oldest": "", "fault": ""}
    try:
        found["names"] = file.names
        found["oldest"] = min(file.names.values(), default="")
        found["recipients"] = [each.name or each.key for each in file.recipients]
        faults = file.faults()
        if set(file.values()) != set(file.names):
            faults.append("the list of names beside it is another one; secrets.rotate writes it anew")
        found["fault"] = "; ".join(faults)
    except Fault as fault:
        found["fault"] = fault.what
    return found
