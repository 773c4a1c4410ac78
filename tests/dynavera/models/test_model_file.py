"""Reading the metadata of GGUF files."""

import struct
from pathlib import Path

import pytest

from dynavera.models.model_file import ModelFile, NotAModel, read_model_file, reason_against

TEXT, ARRAY, UINT32, UINT8, FLOAT64 = 8, 9, 4, 0, 12


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def key(name: str, kind: int, value: bytes) -> bytes:
    return text(name) + struct.pack("<I", kind) + value


def array(kind: int, *values: bytes) -> bytes:
    return struct.pack("<IQ", kind, len(values)) + b"".join(values)


def gguf(*keys: bytes, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, 0, len(keys)) + b"".join(keys)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "model.gguf"


def test_context_length_and_template_are_read(file: Path) -> None:
    words = array(TEXT, *(text(f"word{n}") for n in range(1000)))
    nested = array(ARRAY, array(UINT8, b"\x01", b"\x02"), array(TEXT, text("x")))
    file.write_bytes(
        gguf(
            key("general.architecture", TEXT, text("llama")),
            key("tokenizer.ggml.tokens", ARRAY, words),
            key("nested", ARRAY, nested),
            key("a.number", FLOAT64, struct.pack("<d", 1.5)),
            key("llama.context_length", UINT32, struct.pack("<I", 8192)),
            key("tokenizer.chat_template", TEXT, text("{{ messages }} für alle")),
        )
    )

    assert read_model_file(file) == ModelFile(context=8192, chat_template="{{ messages }} für alle")


def test_missing_metadata_is_none(file: Path) -> None:
    file.write_bytes(gguf(key("general.architecture", TEXT, text("llama"))))

    assert read_model_file(file) == ModelFile(context=None, chat_template=None)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"PK\x03\x04", "not in the GGUF format"),
        (gguf(version=1), "version 1"),
        (gguf(key("a", TEXT, text("b")))[:-1], "damaged"),
        (gguf(key("a", 99, b"")), "damaged"),
        (gguf(text("a") + struct.pack("<IQ", TEXT, 2**60)), "damaged"),
        (gguf(key("a", TEXT, struct.pack("<Q", 1) + b"\xff")), "damaged"),
        (gguf(key("a", ARRAY, struct.pack("<IQ", TEXT, 2**60))), "damaged"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 2**60), "damaged"),
    ],
)
def test_invalid_model_files_are_refused_with_a_reason(file: Path, content: bytes, reason: str) -> None:
    file.write_bytes(content)

    with pytest.raises(NotAModel, match=reason):
        read_model_file(file)


F32, Q4_0 = 0, 2


def tensor(name: str, kind: int, offset: int, *shape: int) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def with_tensors(*tensors: bytes, data: int) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), 0) + b"".join(tensors)
    return head + bytes(-len(head) % 32) + bytes(data)


@pytest.mark.parametrize(
    ("tensors", "needed"),
    [
        ((tensor("a", F32, 0, 4, 2),), 32),
        ((tensor("a", F32, 0, 4, 2), tensor("b", Q4_0, 32, 64)), 32 + 36),
        # Of a kind whose size is unknown, only the start is.
        ((tensor("a", F32, 0, 4, 2), tensor("b", 99, 32, 64)), 32),
    ],
)
def test_a_file_without_all_of_its_tensors_is_cut_off(file: Path, tensors: tuple[bytes, ...], needed: int) -> None:
    file.write_bytes(with_tensors(*tensors, data=needed))
    whole = reason_against(file)
    file.write_bytes(with_tensors(*tensors, data=needed - 1))
    size = file.stat().st_size

    assert whole is None
    assert reason_against(file) == f"it is cut off: it has {size:,} of at least {size + 1:,} bytes"


def test_a_file_that_cannot_be_read_is_refused_with_a_reason(tmp_path: Path) -> None:
    assert reason_against(tmp_path / "gone.gguf") == "it cannot be read (No such file or directory)"
