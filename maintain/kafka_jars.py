"""Kafka, as Maven's repository has it: a folder of jars that the stand-in and the tests run."""

from __future__ import annotations

import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

KAFKA = "4.0.0"
JARS = Path(f"/var/tmp/copier-gin-kafka-{KAFKA}")
"""Where they are kept for the next time."""

_PROJECT = f"""<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>stand-in</groupId><artifactId>kafka</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{KAFKA}</version></dependency>
  </dependencies>
</project>
"""


def kafka_jars() -> Path:
    """The folder with Kafka's jars and those that it needs, fetched where it is not there yet.

    Raises RuntimeError with what Maven said.
    """
    if JARS.is_dir():
        return JARS
    with tempfile.TemporaryDirectory(prefix="kafka-", dir=JARS.parent) as scratch:
        project, fetched = Path(scratch, "pom.xml"), Path(scratch, "jars")
        project.write_text(_PROJECT, encoding="utf-8")
        command = ["mvn", "-q", "-f", str(project), "dependency:copy-dependencies", f"-DoutputDirectory={fetched}"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-8:])
            raise RuntimeError(f"Maven does not fetch Kafka:\n{last}")
        fetched.chmod(0o755)
        with suppress(OSError):  # another call was faster
            fetched.rename(JARS)
    return JARS
