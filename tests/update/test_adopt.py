"""A hand-written service comes under the template and keeps every line of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from maintain.adopt import HERE, Adopter
from service_tasks.engine.core.errors import UsageFault
from service_tasks.engine.template.report import Report

from ..support.service import ROOT, git
from ..support.template_versions import Template, commit
from .updating import Subject, nothing_proved, proved_once

FILES = {
    "go.mod": "module example.com/shop/carts\n\ngo 1.22.0\n\nrequire github.com/gin-gonic/gin v1.9.1\n",
    "go.sum": "",
    "main.go": """package main

import (
	"github.com/gin-gonic/gin"

	"example.com/shop/carts/handlers"
)

func main() {
	router := gin.Default()
	router.GET("/carts/:id", handlers.Show)
	_ = router.Run(":9000")
}
""",
    "handlers/carts.go": """package handlers

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// Show shows a cart.
func Show(c *gin.Context) {
	c.JSON(http.StatusOK, gin.H{"id": c.Param("id")})
}
""",
    "Dockerfile": "FROM golang:1.22\nCOPY . .\nRUN go build -o /carts .\nCMD /carts\n",
    "README.md": "# Carts\n\nKeeps carts.\n",
    ".gitignore": "/carts\n.env\n",
}


@pytest.fixture
def carts(tmp_path: Path) -> Subject:
    """A small service as people write it, with secrets in a file that git ignores."""
    service = Subject(tmp_path / "carts")
    for name, text in FILES.items():
        service.write(name, text)
    git(service.folder, "init", "--quiet", "--initial-branch=main")
    commit(service.folder)
    service.write(".env", "DATABASE_PASSWORD=kept\n")
    return service


def adopt(service: Subject, template: Template, **answers: str) -> Report:
    """Adopt a service from the newest of the made-up releases."""
    from service_tasks.engine.core.console import Console

    return Adopter(service.folder, str(template.folder), Console(service.notes)).adopt(answers)


def test_nothing_of_the_service_is_lost_and_what_differs_is_listed(carts: Subject, template_versions: Template) -> None:
    before = carts.everything()

    with nothing_proved():
        report = adopt(carts, template_versions)

    now = carts.everything()
    touched = {"go.mod", "go.sum", ".gitignore"}
    assert {name for name in before if now[name] != before[name]} == touched
    assert set(report.changed) == touched
    assert report.code == 7
    assert list(report.conflicts) == carts.unmerged() == ["Dockerfile"]
    assert report.kept == {"README.md": HERE}
    assert carts.with_markers() == []
    assert set(now) - set(before) == set(report.added)
    assert carts.text(".gitignore").startswith(FILES[".gitignore"])
    assert ".env.*.local" in carts.text(".gitignore").splitlines()
    assert "module example.com/shop/carts\n" in carts.text("go.mod")
    assert "github.com/gin-gonic/gin v1.12" in carts.text("go.mod")
    assert "FROM ${RUNTIME_IMAGE}" in git(carts.folder, "show", ":3:Dockerfile")


@pytest.mark.slow
def test_own_code_and_the_templates_build_beside_each_other(carts: Subject, template_versions: Template) -> None:
    with proved_once():
        report = adopt(carts, template_versions)

    assert (report.build, report.test, report.code) == ("passed", "passed", 7), report.error


@pytest.mark.slow
def test_an_adopted_service_can_be_put_back_and_updated(carts: Subject, template_versions: Template) -> None:
    before = carts.state()
    with nothing_proved():
        adopt(carts, template_versions)
        carts.updater().abort()
        assert carts.state() == before

        adopt(carts, template_versions)
        git(carts.folder, "add", "Dockerfile")
        carts.commit()
        assert carts.update().outcome == "unchanged"
    assert carts.text("Dockerfile") == FILES["Dockerfile"]


def test_a_service_that_has_a_template_is_refused(carts: Subject, template_versions: Template) -> None:
    carts.write(".copier-answers.yml", "_commit: v1.0.0\n")
    carts.commit()

    with pytest.raises(UsageFault, match="has a template"):
        adopt(carts, template_versions)


def test_a_service_with_uncommitted_changes_is_refused(carts: Subject, template_versions: Template) -> None:
    carts.write("main.go", "package main\n")

    with pytest.raises(UsageFault, match="uncommitted changes"):
        adopt(carts, template_versions)


def test_the_task_refuses_what_is_no_service(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "invoke", "adopt", str(tmp_path)]

    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "there is no go.mod" in done.stderr
