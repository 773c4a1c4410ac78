"""Which generators exist, and which ones agents can use."""

import struct
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from dynavera.settings import Settings
from dynavera.web.errors import GeneratorUnavailable, UnknownGenerator
from mcp_service.generators import registry
from mcp_service.generators.registry import GeneratorRegistry
from mcp_service.knowledge.embedders import WordLlamaEmbedder
from tests.fakes import FakeModel
from tests.mcp_service.running import running_service
from tests.serving import free_port, serving

Offering = Callable[..., GeneratorRegistry]


@pytest.fixture
async def offering(tmp_path: Path) -> AsyncGenerator[Offering]:
    words = WordLlamaEmbedder()
    async with AsyncExitStack() as stack:

        def offer(**settings: object) -> GeneratorRegistry:
            generators = GeneratorRegistry(Settings.model_validate({"data_dir": tmp_path, **settings}), words)
            stack.push_async_callback(generators.close)
            return generators

        yield offer


def is_there(_name: str) -> bool:
    return True


def is_missing(_name: str) -> None:
    return None


@pytest.fixture
def gpt4all_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that the extra is installed; no model is loaded."""
    monkeypatch.setattr(registry, "find_spec", is_there)


def put_model(folder: Path, name: str) -> Path:
    file = folder / "models" / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 0))
    return file


@pytest.mark.parametrize("name", ["poet", "", "openai", "openai:", "openai: ", "gpt4all", "gpt4all:", "extractive:x"])
def test_an_invalid_name_is_unknown(offering: Offering, name: str) -> None:
    with pytest.raises(UnknownGenerator, match=r"^There is no generator '.*'\. Use 'extractive'"):
        offering().get(name or "-")


def test_by_default_every_model_of_the_endpoint_is_allowed(offering: Offering) -> None:
    generators = offering(openai_base_url="http://127.0.0.1:9/v1")

    assert generators.get("openai:some/model").name == "openai:some/model"
    assert generators.get("extractive").name == "extractive"


def test_the_settings_restrict_generators_except_the_default(offering: Offering) -> None:
    generators = offering(
        openai_base_url="http://127.0.0.1:9/v1", generator="openai:small", generators="openai:large, gpt4all:*"
    )

    assert [generators.get(name).name for name in (None, "openai:small", "openai:large")] == [
        "openai:small",
        "openai:small",
        "openai:large",
    ]
    for other in ("openai:huge", "extractive"):
        with pytest.raises(GeneratorUnavailable, match=r"does not offer .* DYNAVERA_GENERATORS"):
            generators.get(other)


@pytest.mark.usefixtures("gpt4all_installed")
def test_an_agent_cannot_use_a_file_outside_the_models_folder(offering: Offering, tmp_path: Path) -> None:
    put_model(tmp_path, "small.gguf")
    outside = tmp_path / "outside.gguf"
    outside.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 0))

    for name in (f"gpt4all:{outside}", "gpt4all:../outside.gguf", "gpt4all:.."):
        with pytest.raises(GeneratorUnavailable):
            offering().get(name)

    assert offering().get("gpt4all:small.gguf").name == "gpt4all:small.gguf"
    assert offering(generator=f"gpt4all:{outside}").get(None).name == f"gpt4all:{outside}"


@pytest.mark.usefixtures("gpt4all_installed")
def test_all_callers_share_the_process_of_a_model(offering: Offering, tmp_path: Path) -> None:
    put_model(tmp_path, "small.gguf")
    generators = offering()

    assert generators.get("gpt4all:small.gguf") is generators.get("gpt4all:small.gguf")


@pytest.mark.usefixtures("gpt4all_installed")
def test_the_error_for_a_missing_model_says_how_to_get_it(offering: Offering) -> None:
    with pytest.raises(GeneratorUnavailable, match=r"no model file 'm\.gguf'.* `dynavera models pull`"):
        offering().get("gpt4all:m.gguf")


def test_the_error_for_a_missing_extra_says_how_to_install_it(
    offering: Offering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "find_spec", is_missing)

    with pytest.raises(GeneratorUnavailable, match="make setup EXTRAS=gpt4all"):
        offering().get("gpt4all:m.gguf")


@pytest.mark.usefixtures("gpt4all_installed")
async def test_available_generators_are_listed(offering: Offering, tmp_path: Path) -> None:
    put_model(tmp_path, "small.gguf")
    put_model(tmp_path, "unfinished.gguf.part")

    async with serving(FakeModel(models=["large", "small"])) as url:
        usable = await offering(openai_base_url=f"{url}/v1", generator="openai:own").available()
        narrowed = await offering(openai_base_url=f"{url}/v1", generators="openai:large,gpt4all:*").available()

    assert usable == ["extractive", "gpt4all:small.gguf", "openai:large", "openai:own", "openai:small"]
    assert narrowed == ["extractive", "gpt4all:small.gguf", "openai:large"]


async def test_an_unreachable_endpoint_lists_nothing(offering: Offering) -> None:
    generators = offering(openai_base_url=f"http://127.0.0.1:{free_port()}/v1", generator="openai:own")

    assert await generators.available() == ["extractive", "openai:own"]


async def test_the_service_lists_and_checks_generators(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service, service.client() as client:
        listed = await client.get("/generators")
        fine = await client.get("/generators/check", params={"name": "extractive"})
        unknown = await client.get("/generators/check", params={"name": "poet"})
        unavailable = await client.get("/generators/check", params={"name": "openai:m"})
        del client.headers["authorization"]
        nobody = await client.get("/generators")

    assert listed.json() == {"default": "extractive", "usable": ["extractive"], "unusable": []}
    assert fine.status_code == 204
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_generator")
    assert (unavailable.status_code, unavailable.json()["code"]) == (422, "generator_unavailable")
    assert nobody.status_code == 401
