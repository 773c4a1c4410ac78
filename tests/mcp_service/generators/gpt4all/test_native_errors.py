"""Reading what native code prints to standard error."""

import os

import pytest

from mcp_service.generators.gpt4all.native_errors import NativeErrors, native_errors


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (
            b"load: error loading model: error loading model vocabulary: unknown tokenizer\nload: failed\n",
            "error loading model vocabulary: unknown tokenizer",
        ),
        (b"llama_model_load: error loading model: tensor 'a.weight' not found.\n", "tensor 'a.weight' not found"),
        (b"llama_model_loader: loaded meta data\n", None),
        (b"", None),
    ],
)
def test_the_reason_of_llama_cpp_is_found(output: bytes, reason: str | None) -> None:
    errors = NativeErrors()

    errors.add(output)

    assert errors.reason == reason


def test_the_output_is_collected_and_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    with native_errors() as errors:
        os.write(2, b"error loading model: no ")
        os.write(2, b"memory\n")
    os.write(2, b"after\n")

    assert errors.reason == "no memory"
    assert capfd.readouterr().err == "error loading model: no memory\nafter\n"
