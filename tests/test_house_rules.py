"""Rules that no linter checks."""

import ast
import importlib.util
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("dynavera", "api", "workflows", "activities", "mcp_service")
IGNORED = frozenset(
    {".git", ".venv", ".venv-extras", ".uv", ".dynavera", "node_modules", "dist", "coverage", "__pycache__"}
)
CACHES = frozenset({".pytest_cache", ".ruff_cache", ".import_linter_cache"})
SUFFIXES = frozenset({".py", ".md", ".ts", ".vue", ".css", ".html", ".yml", ".yaml", ".toml", ".mako", ""})
MAY_LOAD_SETTINGS = frozenset({"__main__.py", "cli", "settings.py", "tests", "benchmarks"})

FORBIDDEN_MODULES = frozenset({"utils", "util", "helpers", "helper", "common", "misc", "base"})
FORBIDDEN_CLASS = re.compile(r"(Manager|Helper|Util|Utils|Processor)$")
NONDETERMINISTIC_CALLS = frozenset(
    {
        *("now", "utcnow", "utc_now", "today", "time", "time_ns", "monotonic", "perf_counter", "is_replaying"),
        *("is_replaying_history_events", "patched", "deprecate_patch", "random", "randint", "uuid4", "uuid7", "new_id"),
        *("get_current_history_length", "get_current_history_size", "is_continue_as_new_suggested"),
    }
)
"""Calls whose result can differ between a workflow and its replay; see docs/decisions/exact-replay.md."""

WORKFLOW_MODULES = frozenset(
    {
        "agent_execution",
        "attempts",
        "endings",
        "event_log",
        "retry_policy",
        "legacy",
        "local_first",
        "recording",
        "replay_guard",
        "rules",
    }
)
"""The modules of `workflows` whose code runs in workflows."""

EXCEPTIONS = {"legacy": {"now", "patched"}}
"""`legacy` replays histories from when workflows made these calls."""

UNFINISHED_MARKER = re.compile(r"\b(TO" + r"DO|FIX" + r"ME)\b")
LOCAL_PATH = re.compile(r"(?<![\w.:/@<-])/(?:home|root|Users|work|workspace)/[\w.-]+")


def source_files() -> Iterator[Path]:
    for folder, folders, files in os.walk(ROOT):
        folders[:] = sorted(set(folders) - IGNORED - CACHES)
        yield from (Path(folder, name) for name in sorted(set(files) - IGNORED) if Path(name).suffix in SUFFIXES)


def python_files() -> Iterator[Path]:
    return (file for file in source_files() if file.suffix == ".py")


def violations(matches: dict[Path, list[str]]) -> list[str]:
    return [f"{file.relative_to(ROOT)}: {match}" for file, found in matches.items() for match in found]


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_are_imported_from_this_repository(package: str) -> None:
    found = importlib.util.find_spec(package)

    assert found is not None
    assert [Path(place).resolve() for place in found.submodule_search_locations or ()] == [ROOT / package]


def test_modules_have_no_generic_names() -> None:
    assert [str(file.relative_to(ROOT)) for file in python_files() if file.stem in FORBIDDEN_MODULES] == []


def test_classes_have_no_generic_names() -> None:
    classes = {
        file: [node.name for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ClassDef)]
        for file in python_files()
    }

    assert (
        violations({file: [name for name in names if FORBIDDEN_CLASS.search(name)] for file, names in classes.items()})
        == []
    )


def test_code_has_no_unfinished_markers() -> None:
    assert violations({file: UNFINISHED_MARKER.findall(file.read_text()) for file in source_files()}) == []


def test_files_contain_no_local_paths() -> None:
    assert violations({file: LOCAL_PATH.findall(file.read_text()) for file in source_files()}) == []


def test_only_entry_points_load_settings() -> None:
    loaders = [
        str(file.relative_to(ROOT))
        for file in python_files()
        if MAY_LOAD_SETTINGS.isdisjoint(file.relative_to(ROOT).parts) and "load_settings(" in file.read_text()
    ]

    assert loaders == []


def calls_in(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call):
            names.add(node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", ""))
    return names


@pytest.mark.parametrize("module", sorted(WORKFLOW_MODULES))
def test_workflow_makes_no_nondeterministic_calls(module: str) -> None:
    calls = calls_in(ROOT / "workflows" / f"{module}.py") & NONDETERMINISTIC_CALLS

    assert calls <= EXCEPTIONS.get(module, set())


def test_every_workflow_module_is_classified() -> None:
    others = {"__init__", "__main__", "connection", "history_log", "process", "publishing", "worker"}

    assert {file.stem for file in (ROOT / "workflows").glob("*.py")} == WORKFLOW_MODULES | others
