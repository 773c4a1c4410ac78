"""Reads a model's context length and chat template from a GGUF file, without loading the model.

The format is a header, then keys with values of a few types, then the tensors
(https://github.com/ggml-org/ggml/blob/master/docs/gguf.md). The `gguf` package takes many seconds for a vocabulary of
128,000 tokens, because it creates an object for each; here they are skipped.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MAX_KEYS = 10_000
DAMAGED = "it is damaged, or was not downloaded completely"
MAX_STRING_BYTES = 16 * 1024 * 1024

_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _ARRAY = 8, 9

Value = str | int | float | None


class NotAModel(Exception):
    """The file is not a model; the message is the reason, as the end of a sentence."""


@dataclass(frozen=True)
class ModelFile:
    """What is needed to prompt the model; None if the file does not say."""

    context: int | None
    chat_template: str | None


def read_model_file(path: Path) -> ModelFile:
    """Read the metadata of a model file.

    Raises:
        NotAModel: it is not a GGUF file, or damaged.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        try:
            values = _read_values(file)
        except (struct.error, UnicodeDecodeError, KeyError) as error:
            raise NotAModel(DAMAGED) from error
    context = values.get(f"{values.get('general.architecture')}.context_length")
    template = values.get("tokenizer.chat_template")
    return ModelFile(
        context=context if isinstance(context, int) and context > 0 else None,
        chat_template=template if isinstance(template, str) else None,
    )


def _read_values(file: BinaryIO) -> dict[str, Value]:
    if file.read(4) != MAGIC:
        raise NotAModel("it is not in the GGUF format")
    version, _tensors, keys = _unpack(file, "IQQ")
    if version not in VERSIONS:
        raise NotAModel(f"it has version {version} of the GGUF format, which is not supported")
    if keys > MAX_KEYS:
        raise NotAModel(DAMAGED)
    return {_read_text(file): _read_value(file, *_unpack(file, "I")) for _ in range(keys)}


def _read_value(file: BinaryIO, kind: int) -> Value:
    if kind == _TEXT:
        return _read_text(file)
    if kind == _ARRAY:
        _skip_array(file)
        return None
    return _unpack(file, _NUMBERS[kind])[0]


def _skip_array(file: BinaryIO) -> None:
    kind, count = _unpack(file, "IQ")
    if kind == _TEXT:
        for _ in range(count):
            file.seek(_unpack(file, "Q")[0], 1)
    elif kind == _ARRAY:
        for _ in range(count):
            _skip_array(file)
    else:
        file.seek(count * struct.calcsize(f"<{_NUMBERS[kind]}"), 1)


def _read_text(file: BinaryIO) -> str:
    (length,) = _unpack(file, "Q")
    if length > MAX_STRING_BYTES:
        raise NotAModel(DAMAGED)
    (text,) = struct.unpack(f"<{length}s", file.read(length))
    return text.decode()


def _unpack(file: BinaryIO, form: str) -> tuple[int, ...]:
    return struct.unpack(f"<{form}", file.read(struct.calcsize(f"<{form}")))
