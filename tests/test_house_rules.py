"""The rules that no linter knows."""

import ast
import importlib.util
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("dynavera", "api", "workflows", "activities", "mcp_service")
NOT_OURS = frozenset(
    {".git", ".venv", ".venv-extras", ".uv", ".dynavera", "node_modules", "dist", "coverage", "__pycache__"}
)
CACHES = frozenset({".pytest_cache", ".ruff_cache", ".import_linter_cache"})
WRITTEN = frozenset({".py", ".md", ".ts", ".vue", ".css", ".html", ".yml", ".yaml", ".toml", ".mako", ""})
READERS_OF_SETTINGS = frozenset({"__main__.py", "cli", "settings.py", "tests", "benchmarks"})

FORBIDDEN_MODULES = frozenset({"utils", "util", "helpers", "helper", "common", "misc", "base"})
FORBIDDEN_CLASS = re.compile(r"(Manager|Helper|Util|Utils|Processor)$")
NOT_RECORDED = frozenset(
    {
        *("now", "utcnow", "utc_now", "today", "time", "time_ns", "monotonic", "perf_counter", "is_replaying"),
        *("is_replaying_history_events", "patched", "deprecate_patch", "random", "randint", "uuid4", "uuid7", "new_id"),
        *("get_current_history_length", "get_current_history_size", "is_continue_as_new_suggested"),
    }
)
"""Calls whose answer can differ between a workflow and its replay; see docs/decisions/exact-replay.md."""

WORKFLOW_MODULES = frozenset(
    {"agent_execution", "attempts", "endings", "event_log", "failures", "legacy", "recording", "replay_guard", "rules"}
)
"""The modules of `workflows` whose code runs in workflows."""

MAY_ASK = {"legacy": {"now", "patched"}}
"""`legacy` replays histories that were made when workflows asked."""

LEFT_FOR_LATER = re.compile(r"\b(TO" + r"DO|FIX" + r"ME)\b")
MACHINE_PATH = re.compile(r"(?<![\w.:/@<-])/(?:home|root|Users|work|workspace)/[\w.-]+")


def written_files() -> Iterator[Path]:
    for folder, folders, files in os.walk(ROOT):
        folders[:] = sorted(set(folders) - NOT_OURS - CACHES)
        yield from (Path(folder, name) for name in sorted(set(files) - NOT_OURS) if Path(name).suffix in WRITTEN)


def python_files() -> Iterator[Path]:
    return (file for file in written_files() if file.suffix == ".py")


def breaking(lines_of: dict[Path, list[str]]) -> list[str]:
    return [f"{file.relative_to(ROOT)}: {found}" for file, lines in lines_of.items() for found in lines]


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_is_the_one_in_this_repository(package: str) -> None:
    found = importlib.util.find_spec(package)

    assert found is not None
    assert [Path(place).resolve() for place in found.submodule_search_locations or ()] == [ROOT / package]


def test_modules_are_named_after_their_subject() -> None:
    assert [str(file.relative_to(ROOT)) for file in python_files() if file.stem in FORBIDDEN_MODULES] == []


def test_classes_are_named_after_what_they_are() -> None:
    classes = {
        file: [node.name for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ClassDef)]
        for file in python_files()
    }

    assert (
        breaking({file: [name for name in names if FORBIDDEN_CLASS.search(name)] for file, names in classes.items()})
        == []
    )


def test_nothing_is_left_for_later() -> None:
    assert breaking({file: LEFT_FOR_LATER.findall(file.read_text()) for file in written_files()}) == []


def test_no_file_names_a_folder_of_somebodys_machine() -> None:
    assert breaking({file: MACHINE_PATH.findall(file.read_text()) for file in written_files()}) == []


def test_settings_are_read_in_one_place_of_each_process() -> None:
    readers = [
        str(file.relative_to(ROOT))
        for file in python_files()
        if READERS_OF_SETTINGS.isdisjoint(file.relative_to(ROOT).parts) and "load_settings(" in file.read_text()
    ]

    assert readers == []


def calls_in(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call):
            names.add(node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", ""))
    return names


@pytest.mark.parametrize("module", sorted(WORKFLOW_MODULES))
def test_a_workflow_asks_for_nothing_that_its_history_does_not_record(module: str) -> None:
    asked = calls_in(ROOT / "workflows" / f"{module}.py") & NOT_RECORDED

    assert asked <= MAY_ASK.get(module, set())


def test_every_module_of_the_workflows_is_known_to_run_in_one_or_not() -> None:
    others = {"__init__", "__main__", "connection", "history_log", "process", "worker"}

    assert {file.stem for file in (ROOT / "workflows").glob("*.py")} == WORKFLOW_MODULES | others
