"""The services that rendering is tried with, and the words that tell an option."""

from __future__ import annotations

DATABASES = ("postgres", "mysql", "sqlite", "none")
RUNTIMES = ("scratch", "alpine", "distroless")
LICENSES = ("none", "mit", "apache-2.0")
CI = ("github", "gitlab", "forgejo")
ON_KUBERNETES = {("postgres", "scratch"), ("mysql", "alpine"), ("sqlite", "distroless"), ("none", "alpine")}
CACHED = {("postgres", "scratch"), ("postgres", "alpine"), ("mysql", "distroless")}
WITH_RECONCILER = {("postgres", "alpine"): "log", ("mysql", "distroless"): "events"}
WITH_EVENTS = {("postgres", "scratch"), ("mysql", "distroless"), ("mysql", "scratch")}
WITH_GUARD = {
    ("postgres", "scratch"): "file",
    ("mysql", "distroless"): "nacos",
    ("sqlite", "alpine"): "file",
    ("none", "scratch"): "nacos",
}
WITH_AUTH = {("postgres", "scratch"), ("mysql", "alpine"), ("sqlite", "alpine"), ("none", "distroless")}
WITH_TRACING = {("postgres", "distroless"), ("mysql", "alpine"), ("sqlite", "scratch"), ("none", "alpine")}
WITH_PLUGINS = {("postgres", "scratch"), ("mysql", "distroless"), ("sqlite", "scratch"), ("none", "alpine")}
WITH_JOBS = {("postgres", "alpine"), ("postgres", "distroless"), ("mysql", "distroless"), ("mysql", "scratch")}

# Two Latin squares, and a row for the fourth answer of `ci`: every pair of choices of two questions is in them.
MATRIX = [
    {
        "database": database,
        "runtime": runtime,
        "license": LICENSES[(row + column) % 3],
        "ci": CI[(row + 2 * column) % 3],
        "kubernetes": (database, runtime) in ON_KUBERNETES,
        "cache": "redis" if (database, runtime) in CACHED else "none",
        "events": "kafka" if (database, runtime) in WITH_EVENTS else "none",
        "reconciler": WITH_RECONCILER.get((database, runtime), "none"),
        "guard": "rules" if (database, runtime) in WITH_GUARD else "none",
        "rules_source": WITH_GUARD.get((database, runtime), "file"),
        "auth": "jwt" if (database, runtime) in WITH_AUTH else "none",
        "tracing": "otlp" if (database, runtime) in WITH_TRACING else "none",
        "plugins": "wasm" if (database, runtime) in WITH_PLUGINS else "none",
        "jobs": "scheduled" if (database, runtime) in WITH_JOBS else "none",
    }
    for row, database in enumerate(DATABASES)
    for column, runtime in enumerate(RUNTIMES)
] + [
    {
        "database": database,
        "runtime": RUNTIMES[row % 3],
        "license": LICENSES[row % 3],
        "ci": "none",
        "kubernetes": database == "sqlite",
        "cache": "redis" if database == "mysql" else "none",
        "events": "kafka" if database == "postgres" else "none",
        "reconciler": "log" if database == "mysql" else "none",
        "guard": "rules" if database == "sqlite" else "none",
        "rules_source": "file",
        "auth": "jwt" if database == "none" else "none",
        "tracing": "otlp" if database == "mysql" else "none",
        "plugins": "wasm" if database == "postgres" else "none",
        "jobs": "scheduled" if database == "postgres" else "none",
    }
    for row, database in enumerate(DATABASES)
]

# What an option brings along. It must be nowhere while the option is off.
TRACES = {
    ("database", "postgres"): r"(?i)postgres|\bpgx|jackc|pg_isready|pgdata",
    ("database", "mysql"): r"(?i)mysql|mariadb|edwards25519",
    ("database", "sqlite"): r"(?i)sqlite|modernc",
    ("runtime", "alpine"): r"(?i)alpine",
    ("runtime", "distroless"): r"(?i)distroless",
    ("license", "mit"): r"\bMIT\b",
    ("license", "apache-2.0"): r"(?i)apache(?!/kafka)",
    ("ci", "github"): r"\.github/|GitHub Actions|github-actions|GH_TOKEN",
    ("ci", "gitlab"): r"(?i)gitlab",
    ("ci", "forgejo"): r"(?i)forgejo",
    ("cache", "redis"): r"(?i)\bredis\b|platform/cache|outbox",
    ("events", "kafka"): r"(?i)kafka|franz-go|publisher\b(?!\.)|cloudevents",
    ("reconciler", "log"): r"reconciler/log\.go|databaseLog",
    ("reconciler", "events"): r"reconciler/topic\.go|changes/topic|OpenTopic",
    ("guard", "rules"): r"(?i)platform/guard|rules\.json",
    ("rules_source", "nacos"): r"(?i)nacos",
    ("auth", "jwt"): r"(?i)platform/auth|AUTH_(JWKS|ISSUER|AUDIENCE|DEV)|golang-jwt|jwkset|\bbearer\b|app/auth",
    ("plugins", "wasm"): r"(?i)platform/plugins|\bwasm|wazero|PLUGINS_DIR|check-plugins|header-policy",
    ("tracing", "otlp"): r"go\.opentelemetry\.io|platform/tracing|OTEL_(EXPORTER|TRACES)|otelpgx|otelsql|redisotel",
    ("jobs", "scheduled"): r"platform/schedule|schedule_runs|robfig|schedule_db_version|jobs: scheduled",
    ("kubernetes", True): r"(?i)kubernetes|kubectl|kustomiz",
}
WITHOUT_PIPELINES = r"(?i)workflow|pipeline(?!s:\s*$)"
"""What an OpenTelemetry collector calls its pipelines has a line of its own."""
SERVERS = ("postgres", "mysql")
WITHOUT_SERVER = r"databasetest|DATABASE_PASSWORD|networks: .*\bback\b"
WITHOUT_RECONCILER = r"(?i)reconciler|repair\.go"
WITHOUT_RULES_FILE = r"fsnotify|RULES_FILE"
WITHOUT_CHANGES = r"platform/changes|platform/worker|pglogrepl|go-mysql-org|wal_level|binlog-format"
WITHOUT_DATABASE = r"(?i)goose|pressly|DATABASE_URL|database/sql|platform/database|migrations/"
