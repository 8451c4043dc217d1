"""A pipeline's login to clusters by its job's own OIDC token: nothing that outlives the job is kept anywhere.

It needs nothing but Python. The pipeline runs it as `pipeline_login.py FOLDER AUDIENCE`, with a kubeconfig of clusters
and contexts in CLUSTERS, and is told what KUBECONFIG has to be; the user `pipeline` of those contexts is added. kubectl
runs it as `pipeline_login.py FOLDER` for a token that has not ended (a client-go credential plugin).

GitHub and Forgejo have a job ask for tokens, which end after minutes: ACTIONS_ID_TOKEN_REQUEST_URL and …_TOKEN. GitLab
hands it one for all of its time: CLUSTER_TOKEN.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

API = "client.authentication.k8s.io/v1"
SPARE_SECONDS = 60
"""A token is not used any more for so long before its end: what has begun with it should end with it."""
NO_TOKEN = "the job may not ask for one; GitHub wants id-token: write, Forgejo enable-openid-connect: true"


def begin(folder: Path, audience: str, environ: Mapping[str, str]) -> str:
    """Write the kubeconfigs of a job into its own folder; gives their paths, as KUBECONFIG names them."""
    if token := environ.get("CLUSTER_TOKEN"):
        _write(folder / "cluster-token", token)
        user: dict[str, Any] = {"tokenFile": str(folder / "cluster-token")}
    else:
        url, bearer = (environ.get(f"ACTIONS_ID_TOKEN_REQUEST_{name}") for name in ("URL", "TOKEN"))
        if not url or not bearer:
            raise ValueError(NO_TOKEN)
        url = f"{url}&{urllib.parse.urlencode({'audience': audience})}"
        _write(folder / "token-request.json", json.dumps({"url": url, "bearer": bearer}))
        words = [str(Path(__file__).resolve()), str(folder)]
        user = {"exec": {"apiVersion": API, "command": sys.executable, "args": words, "interactiveMode": "Never"}}
    login = {"apiVersion": "v1", "kind": "Config", "users": [{"name": "pipeline", "user": user}]}
    _write(folder / "clusters.yaml", environ["CLUSTERS"] + "\n")
    _write(folder / "login.yaml", json.dumps(login))
    return os.pathsep.join(str(folder / name) for name in ("clusters.yaml", "login.yaml"))


def credential(folder: Path) -> dict[str, Any]:
    """What kubectl is told: the token that is there, or a new one where that ends soon."""
    kept = folder / "cluster-token"
    token = kept.read_text() if kept.exists() else ""
    if not token or _end_of(token) < time.time() + SPARE_SECONDS:
        token = _ask(**json.loads((folder / "token-request.json").read_text()))
        _write(kept, token)
    end = datetime.fromtimestamp(_end_of(token) - SPARE_SECONDS, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"apiVersion": API, "kind": "ExecCredential", "status": {"token": token, "expirationTimestamp": end}}


def _ask(url: str, bearer: str) -> str:
    request = urllib.request.Request(url, headers={"Authorization": f"bearer {bearer}", "Accept": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return str(json.load(answer)["value"])


def _end_of(token: str) -> float:
    """When a token ends, in seconds since 1970: its claim `exp` (RFC 7519)."""
    claims = token.split(".")[1]
    return float(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"])


def _write(path: Path, text: str) -> None:
    """Write a file that nobody else may read, as a whole: several kubectl may be under way."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent)
    os.close(descriptor)
    Path(draft).write_text(text, encoding="utf-8")
    Path(draft).replace(path)


def main(words: list[str]) -> None:
    """Either part, by the number of words; a message and exit code 1 where there is no token."""
    folder = Path(words[0]).resolve()
    try:
        print(begin(folder, words[1], os.environ) if len(words) > 1 else json.dumps(credential(folder)))
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"no token for the cluster: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
