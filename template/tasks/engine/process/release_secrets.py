"""The secrets of releases on this machine: in memory, where processes find them, and on its disk encrypted alone.

They come back after a restart of the machine by an identity that it has made for itself, or by one of whoever deploys.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..config.age import Identities, find_identities, make_identity, read_identity, recipients_of
from ..config.settings import Environment
from ..core.errors import DeployFault
from ..core.memory import is_in_memory
from ..core.paths import private_folder, write_private, write_private_bytes
from ..deploy.kept_secrets import seal, unseal

FILE = "secrets.age"
SHARED = Path("/dev/shm")
"""In memory, and there for all logins of a user, which a folder of one login is not."""


@dataclass(frozen=True)
class ReleaseSecrets:
    """Those of one environment, whose state is in a folder on the disk; `root` is the service's."""

    root: Path
    state: Path
    environment: Environment

    def folder(self, release: str) -> Path:
        """Where the secrets of a release are. Where this machine has no memory for files, it is on its disk."""
        if not is_in_memory(SHARED):
            return self.state / "kept" / release / "secrets"
        return self._memory / release

    def keep(self, release: str, secrets: Mapping[str, str]) -> None:
        """Keep the secrets of a release."""
        host = recipients_of(self._made_identity()) if secrets and self.environment.host_identity else []
        sealed = seal(self.root, self.environment.name, host, secrets) if secrets else None
        if sealed:
            write_private_bytes(self.state / "kept" / release / FILE, sealed)
        self._deliver(release, secrets)

    def require(self, release: str) -> None:
        """Have the secrets of a kept release where its processes look for them.

        UsageFault where none of the identities at hand opens them.
        """
        if not self.folder(release).exists():
            self._deliver(release, self._opened(release))

    def values(self, release: str) -> dict[str, str]:
        """The secrets of a kept release by name."""
        self.require(release)
        return {path.name: path.read_bytes().decode() for path in self.folder(release).iterdir()}

    def forget_all_but(self, releases: Collection[str]) -> None:
        """Remove those of all other releases from memory; what is on the disk goes with their folders."""
        for folder in self._memory.glob("*") if self._memory.is_dir() else ():
            if folder.name not in releases:
                shutil.rmtree(folder)

    def forget_all(self) -> None:
        """Remove all of them from memory."""
        shutil.rmtree(self._memory, ignore_errors=True)

    @property
    def _memory(self) -> Path:
        """A folder of this user's and this state's own."""
        return self._shared / hashlib.sha256(str(self.state.resolve()).encode()).hexdigest()[:16]

    @property
    def _shared(self) -> Path:
        return SHARED / f"copier-gin-{os.getuid()}"

    def _deliver(self, release: str, secrets: Mapping[str, str]) -> None:
        if self._shared.exists() and self._shared.stat().st_uid != os.getuid():
            raise DeployFault(f"{self._shared} is another user's", remedy="have it removed: secrets belong there")
        private_folder(self._shared)
        folder = self.folder(release)
        draft = private_folder(folder.with_name(f".{release}.{os.getpid()}"))
        for name, text in secrets.items():
            write_private(draft / name, text, 0o400)
        draft.rename(folder)

    def _opened(self, release: str) -> dict[str, str]:
        file = self.state / "kept" / release / FILE
        if not file.exists():
            return {}
        keys = read_identity(self._identity) if self._identity.exists() else ()
        others = Identities((), ()) if keys else find_identities()
        identities = Identities((*keys, *others.keys), others.tried)
        return unseal(file.read_bytes(), f"{release}/{FILE}", identities)

    @property
    def _identity(self) -> Path:
        return self.state / "identity.txt"

    def _made_identity(self) -> Path:
        """This machine's identity for the environment, which is made where there is none."""
        if not self._identity.exists():
            make_identity(self._identity)
        return self._identity
