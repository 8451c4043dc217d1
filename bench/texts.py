"""What docs/performance.md says around its tables; `report` fills in the figures."""

from __future__ import annotations

INTRODUCTION = """\
# Performance

Measured on {measured} in one run of {minutes} minutes, three ways side by side, with the same service (PostgreSQL), the
same base images and the same load:

```
./inv bench             # measures all of it, writes this page, its data and its picture
./inv bench --quick     # one run of each and 4 switches, printed, nothing written
```

- **article's way**: a two-stage Dockerfile without build caches, `docker compose up --detach --build --wait`, one
  container, a health check every 10 s.
- **Compose at its best**: the same command with this template's Dockerfile (build caches) and a health check every
  100 ms at the start.
- **`invoke deploy`**: two slots behind the front door.

![Seconds and lost requests of the three ways](pictures/performance.svg)
"""

EXPLAINED = """\
Go compiles and links from the first half second on, beside `check`, so that `build` is what is left of it. What comes
from the engine is the same for all ways: the image is exported, a container is made and started. Between
`invoke deploy` ({ours:.2f} s in the race) and one container of Compose ({one:.2f} s) lie:

- Python's start and the reading of the tasks, as long as `invoke --list`: {listed:.2f} s. It is a large part of the
  tool's own share ({share:.2f} s), goes with the speed of one core, and overlaps with nothing: nothing is known before.
- What makes it a switch, {beside:.2f} s: the slot is asked, let in, verified through the front door, and the former
  one drained and stopped; {retire:.2f} s of that is the engine's stop of a container, when the new one serves already.
  {serving}

A front door, two slots and a database beside each other keep a machine of two cores busier than one container does,
also while it is measured. Where others on the same host take a part of its time (the last table), all of this grows.
"""

KUBERNETES = """\
## On Kubernetes

```
./inv bench --context=NAME --registry=HOST/PATH     # measures this part alone
```

Measured on {measured} with Kubernetes {version} of one node, {rounds} rounds in turn, medians. **kubectl** is a script
of five lines with the same Dockerfile and manifests: `docker build`, `docker push`, the digest into the overlay,
`kubectl apply --kustomize`, `kubectl rollout status`; its way back is `kubectl rollout undo`. **helm** has the same
manifests as its chart, `helm upgrade --install --atomic` and `helm rollback --wait`. A change is served once
the API server's way to the Service answers with the new string. `invoke deploy` does
more: it holds a lock, keeps what a rollback needs, asks the new pods and the Service which build they are, and waits
until the former pods have ended.

"""

METHOD = """\
## How it is measured

- A changed line is a string constant in the router. The clock runs from the change to the end of the command. "Serves"
  is when a client that asks every 50 ms on a new connection got the new string; the gap is the longest time in which it
  got no answer. Medians of {runs} runs, but for the article's way, whose build takes minutes: {article}.
- A switch has the same image serve with another log level, so that no build takes part. The load keeps 50 or 200
  HTTP/1.1 connections open, each with one request at a time and 25 ms of rest, half of them POSTs that the client
  cannot send again by itself, one in ten a GET that takes 500 ms. A connection rests 20 ms after a lost request. The
  latencies are those of the requests that are not slow on purpose. One switch each.
- The {switches} switches are {deploys} deploys and {rollbacks} rollbacks in a row under {connections} connections:
  {requests} requests, {lost} lost. The longest time in which no request at all was answered was {gap:.0f} ms.
- The switches over HTTP/2 are the same, with Caddy in front by the files of [deploy.md](deploy.md#tls) and its own
  authority: {http2_requests} requests, {http2_lost} lost. Each connection is one of HTTP/2 with one request at a time.
- "Service ready → deploy knows": from the service's log line `listening`, by the engine's clock, to the line of the
  step `healthy`, and with Compose to the end of the command.
- "Nothing new" is the same command once more. "Back to the former release" is `rollback`; with Compose the line is put
  back, as by git, and the same command run: Docker has the layers of the former build still.
- The crash is a service that writes a line and ends with 7 as soon as it serves. The clock runs from its line to the
  message of `invoke deploy`, which shows that line, and to the end of Compose's command, which does not.
- "The tool's own share": the whole command, less every call of `go`, of `docker` and of the engine, less the time from
  the end of `compose up` until the service listens, less the steps `drain` and `retire`. Python's start, and waiting
  for the engine and the front door to find the service healthy, are part of it.
- The service of the two other ways stops at once (`DRAIN_LEAD=0s`); the 2 s of its default would make their gap longer.
- Images are as the engine counts them, uncompressed. A layer's bytes are those after gzip.

## What to keep in mind

- Two cores are shared by the load, the database, the front door, the service and the builds. Latencies under
  {connections} connections say how busy the machine is, more than how fast the service is. Compare columns only.
- The load average before each way is in the last table. Where it is above 1, other programs were at work on the machine
  as well, and every figure of seconds is larger for it; a count of lost requests is not.
- A deploy that is switched does more than one that is not: it starts the new release beside the old one, runs its
  new migrations in a container of their own, checks the binary and the front door, lets requests finish, and stops the
  former release without haste. *Compose at its best* does none of it, and may be done sooner.
- Go's caches are full, on the host and in the builder of *Compose at its best*. A first build takes minutes in any way.
- On a machine with stand-ins the Alpine image is a Debian one; it costs the article's way nothing but disk.
- The load is on the same machine and over loopback. A network adds its own losses, which no deploy can prevent.
"""
