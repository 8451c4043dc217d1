"""Texts that only some can read, in the age format (age-encryption.org/v1): who may, and whose key is at hand.

A key is a pair: a recipient, which is public, and an identity. Both may be age's own (X25519) or ssh's (Ed25519, RSA).
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ..core.errors import MissingFault, UsageFault
from ..core.paths import config_home, user_home

IDENTITY, IDENTITY_FILE = "SECRETS_IDENTITY", "SECRETS_IDENTITY_FILE"
"""The variables of the shell that have an identity, or its file: `-` is standard input."""
OWN = re.compile(r"AGE-SECRET-KEY-1[0-9A-Z]+")
SSH_KEYS = (".ssh/id_ed25519", ".ssh/id_rsa")
BEGIN, END = "-----BEGIN AGE ENCRYPTED FILE-----", "-----END AGE ENCRYPTED FILE-----"
LARGEST_KEY = 1 << 20
"""Bytes of an identity's file that are read."""


class NoIdentityFault(UsageFault):
    """No identity at hand is among a text's recipients."""


@dataclass(frozen=True)
class Identities:
    """The identities at hand, and what was looked at: `tried` says where they are from, or why one is none."""

    keys: tuple[Any, ...]
    tried: tuple[str, ...]


def parse_recipient(text: str) -> Any:
    """A recipient for `encrypt`; UsageFault where it is none that can be encrypted to."""
    from pyrage import RecipientError, ssh, x25519

    kind = ssh if text.startswith("ssh-") else x25519
    try:
        return kind.Recipient.from_str(text)
    except RecipientError:
        shown = text if len(text) < 30 else f"{text[:24]}…"
        remedy = "a public key of age (age1…) or of ssh (ssh-ed25519 or ssh-rsa); secrets.keygen makes one"
        raise UsageFault(f'"{shown}" is no recipient', remedy=remedy) from None


def encrypt(text: str, recipients: Sequence[str], *, armored: bool = True) -> bytes:
    """A text for some recipients, in age's armor of printable lines or without it."""
    import pyrage

    return bytes(pyrage.encrypt(text.encode(), [parse_recipient(each) for each in recipients], armored=armored))


def decrypt(data: bytes, name: str, identities: Identities, whose: str = "") -> str:
    """The text; NoIdentityFault where it is for others, UsageFault where it is damaged.

    `name` is its file's, and `whose` says for whom it is.
    """
    import pyrage

    if b"<<<<<<<" in data:
        raise UsageFault(f"{name} has two sides that git could not merge", remedy="secrets.merge does, name by name")
    try:
        return str(pyrage.decrypt(data, list(identities.keys)).decode())
    except pyrage.DecryptError as error:
        if "No matching keys" not in str(error):
            remedy = f"restore it: git restore {name}"
            raise UsageFault(f"{name} is damaged: it cannot be decrypted", remedy=remedy) from None
    except UnicodeDecodeError:
        raise UsageFault(f"{name} holds no UTF-8 text", remedy="secrets.edit cannot help: write it anew") from None
    remedy = f"name yours by {IDENTITY_FILE}, or have one of its recipients run secrets.recipients add"
    looked = "; ".join(identities.tried) or f"no identity in {IDENTITY_FILE}, {own_identity()} or ~/.ssh"
    what = f"no identity that is here opens {name}" + (f", which is for {whose}" if whose else "")
    raise NoIdentityFault(what, where=looked, remedy=remedy)


def count_recipients(data: bytes) -> int:
    """For how many recipients a text is encrypted, which anybody can see; 0 where it is damaged."""
    try:
        body = data.decode().strip().removeprefix(BEGIN).removesuffix(END)
        header = base64.b64decode("".join(body.split()), validate=True).partition(b"\n---")[0]
    except (ValueError, binascii.Error):
        return 0
    stanzas = [line.split(b" ") for line in header.split(b"\n") if line.startswith(b"-> ")]
    # Some writers add one that means nothing, so that nobody relies on knowing all.
    return sum(len(words) > 1 and not words[1].endswith(b"-grease") for words in stanzas)


def own_identity() -> Path:
    """Where `secrets.keygen` puts this user's identity, and the first place where one is looked for."""
    return config_home() / "identity.txt"


def make_identity(path: Path) -> str:
    """Write a new identity, readable by its owner alone; gives its recipient. MissingFault where a file is there."""
    from pyrage import x25519

    made = x25519.Identity.generate()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"# recipient: {made.to_public()}\n{made}\n")
    except FileExistsError:
        raise UsageFault(f"{path} is there already", remedy="use it: a new identity would open nothing") from None
    except OSError as error:
        raise MissingFault(f"{path} cannot be written: {error.strerror}") from error
    return str(made.to_public())


def recipients_of(path: Path) -> list[str]:
    """The recipients of age's own identities in a file."""
    from pyrage import IdentityError, x25519

    found = []
    for key in OWN.findall(_read(path, "identity")):
        try:
            found.append(str(x25519.Identity.from_str(key).to_public()))
        except IdentityError:
            raise UsageFault(f"{path} has an identity that is damaged") from None
    return found


def read_identity(path: Path) -> tuple[Any, ...]:
    """The identities in a file; UsageFault where there is none."""
    return tuple(_keys(_read(path, "identity"), str(path)))


def find_identities() -> Identities:
    """Those of the shell's variables; where there are none, this user's own and the keys of ssh.

    Raises UsageFault for one that was named and is none.
    """
    if text := os.environ.get(IDENTITY):
        return Identities(tuple(_keys(text, IDENTITY)), (IDENTITY,))
    if named := os.environ.get(IDENTITY_FILE):
        text = _standard_input() if named == "-" else _read(Path(named).expanduser(), IDENTITY_FILE)
        name = "standard input" if named == "-" else named
        return Identities(tuple(_keys(text, name)), (name,))
    keys: list[Any] = []
    tried: list[str] = []
    for path in (own_identity(), *(user_home() / name for name in SSH_KEYS)):
        if not path.exists():
            continue
        try:
            keys += _keys(_read(path, str(path)), str(path))
            tried.append(str(path))
        except UsageFault as fault:
            tried.append(fault.what)
    return Identities(tuple(keys), tuple(tried))


@cache
def _standard_input() -> str:
    """What can be read only once."""
    return sys.stdin.read(LARGEST_KEY)


def _keys(text: str, name: str) -> list[Any]:
    """The identities in a text; UsageFault, which tells nothing of it, where there is none."""
    from pyrage import IdentityError, ssh, x25519

    try:
        if "PRIVATE KEY-----" in text:
            return [ssh.Identity.from_buffer(text.encode())]
        found: list[Any] = [x25519.Identity.from_str(key) for key in OWN.findall(text)]
    except IdentityError as error:
        locked = "decrypted first" in str(error)
        what = f"the key in {name} has a passphrase" if locked else f"the identity in {name} is damaged"
        remedy = "use one without: ssh-keygen -p -N '' takes it away, or secrets.keygen makes an own identity"
        raise UsageFault(what, remedy=remedy if locked else "name another file") from None
    if not found:
        remedy = "name the file that age-keygen or secrets.keygen wrote, or a private key of ssh"
        raise UsageFault(f"there is no identity in {name}", remedy=remedy)
    return found


def _read(path: Path, name: str) -> str:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_KEY).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UsageFault(f"{name}: {path} cannot be read: {reason}", remedy="name a file that can be read") from None
