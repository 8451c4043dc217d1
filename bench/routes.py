"""Routes that a measured service has besides its own: they are written into its router."""

from __future__ import annotations

from pathlib import Path

ROUTER = Path("internal", "app", "router.go")
SLOW = "/slow"
"""Answers after half a second, unless its client has gone."""
MARKER = "/marker"
"""Answers what `mark` wrote into the code: so a client sees which build it talks to."""
HOLD = "/hold"
"""Answers the log level once the body of the request has ended, however long that takes."""
LEVEL = "/level"
"""Answers the log level: so a client sees which configuration it talks to."""

FIRST_MARK = "build-0"
CODE = """
	router.GET("/slow", func(c *gin.Context) {
		select {
		case <-time.After(500 * time.Millisecond):
			c.String(http.StatusOK, "slow")
		case <-c.Request.Context().Done():
		}
	})
	router.GET("/marker", func(c *gin.Context) { c.String(http.StatusOK, "build-0") })
	router.GET("/level", func(c *gin.Context) { c.String(http.StatusOK, os.Getenv("LOG_LEVEL")) })
	router.POST("/hold", func(c *gin.Context) {
		control := http.NewResponseController(c.Writer)
		_ = control.SetReadDeadline(time.Time{})
		_ = control.SetWriteDeadline(time.Time{})
		_, _ = io.Copy(io.Discard, c.Request.Body)
		c.String(http.StatusOK, os.Getenv("LOG_LEVEL"))
	})
	return router, nil
"""


def add_routes(service: Path) -> None:
    """Write the routes into the router of a rendered service."""
    _replace(service, "\n\treturn router, nil\n", CODE)
    _replace(service, '\t"log/slog"\n\t"net/http"\n', '\t"io"\n\t"log/slog"\n\t"net/http"\n\t"os"\n\t"time"\n')


def mark(service: Path, former: str, new: str) -> None:
    """Change the one line that MARKER answers."""
    _replace(service, f'"{former}"', f'"{new}"')


def _replace(service: Path, old: str, new: str) -> None:
    path = service / ROUTER
    text = path.read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise ValueError(f"{old!r} is {text.count(old)} times in {path}")
    path.write_text(text.replace(old, new), encoding="utf-8")
