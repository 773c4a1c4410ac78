"""Reads a model's metadata from a GGUF file, and checks that the file is complete, without loading the model.

The format is a header, then keys with values of a few types, then the tensors
(https://github.com/ggml-org/ggml/blob/master/docs/gguf.md). The `gguf` package takes many seconds for a vocabulary of
128,000 tokens, because it creates an object for each; here they are skipped.
"""

import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import BinaryIO

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MAX_KEYS = 10_000
MAX_TENSORS = 100_000
MAX_DIMENSIONS = 8
DAMAGED = "it is damaged, or was not downloaded completely"
MAX_STRING_BYTES = 16 * 1024 * 1024

_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _ARRAY = 8, 9

Value = str | int | float | None


class NotAModel(Exception):
    """The file is not a model; the message is the reason, as the end of a sentence."""


DEFAULT_ALIGNMENT = 32
"""Tensors start at multiples of so many bytes, unless the file says otherwise."""

_BLOCKS = {
    0: (1, 4),
    1: (1, 2),
    2: (32, 18),
    3: (32, 20),
    6: (32, 22),
    7: (32, 24),
    8: (32, 34),
    9: (32, 36),
    10: (256, 84),
    11: (256, 110),
    12: (256, 144),
    13: (256, 176),
    14: (256, 210),
    15: (256, 292),
    24: (1, 1),
    25: (1, 2),
    26: (1, 4),
    27: (1, 8),
    28: (1, 8),
    30: (1, 2),
}
"""The values of a block and its bytes, for each kind of tensor whose size is known."""


@dataclass(frozen=True)
class ModelFile:
    """What is needed to prompt the model; None if the file does not say."""

    context: int | None
    chat_template: str | None


def read_model_file(path: Path) -> ModelFile:
    """Read the metadata of a model file, and check that it is complete.

    Raises:
        NotAModel: it is not a GGUF file, damaged, or cut off.
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    if not size:
        raise NotAModel("it is empty")
    with path.open("rb") as file:
        try:
            values, needed = _read(file)
        except (struct.error, UnicodeDecodeError, KeyError) as error:
            raise NotAModel(DAMAGED) from error
    if size < needed:
        raise NotAModel(f"it is cut off: it has {size:,} of at least {needed:,} bytes")
    context = values.get(f"{values.get('general.architecture')}.context_length")
    template = values.get("tokenizer.chat_template")
    return ModelFile(
        context=context if isinstance(context, int) and context > 0 else None,
        chat_template=template if isinstance(template, str) else None,
    )


def reason_against(path: Path) -> str | None:
    """Why the model file cannot be used, as the end of a sentence; None if nothing is known against it."""
    try:
        read_model_file(path)
    except NotAModel as error:
        return str(error)
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    return None


def _read(file: BinaryIO) -> tuple[dict[str, Value], int]:
    """The values, and the bytes that the file must have for its tensors."""
    if file.read(4) != MAGIC:
        raise NotAModel("it is not in the GGUF format")
    version, tensors, keys = _unpack(file, "IQQ")
    if version not in VERSIONS:
        raise NotAModel(f"it has version {version} of the GGUF format, which is not supported")
    if keys > MAX_KEYS or tensors > MAX_TENSORS:
        raise NotAModel(DAMAGED)
    values = {_read_text(file): _read_value(file, *_unpack(file, "I")) for _ in range(keys)}
    ends = [_read_tensor_end(file) for _ in range(tensors)]
    if not ends:
        return values, file.tell()
    alignment = values.get("general.alignment", DEFAULT_ALIGNMENT)
    if not isinstance(alignment, int) or alignment < 1:
        raise NotAModel(DAMAGED)
    return values, -(-file.tell() // alignment) * alignment + max(ends)


def _read_tensor_end(file: BinaryIO) -> int:
    """The end of a tensor, in bytes from the start of all."""
    _read_text(file)
    (dimensions,) = _unpack(file, "I")
    if dimensions > MAX_DIMENSIONS:
        raise NotAModel(DAMAGED)
    values = prod(_unpack(file, f"{dimensions}Q"))
    kind, offset = _unpack(file, "IQ")
    per_block, block_bytes = _BLOCKS.get(kind, (1, 0))
    return offset + values // per_block * block_bytes


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
