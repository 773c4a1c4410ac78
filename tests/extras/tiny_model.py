"""A tiny language model in a GGUF file: a llama with random weights, whose every byte is a token.

It writes nonsense, and does for the rest what a large one does: it loads, reads a prompt, streams, and stops.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def make_model(path: Path, *, layers: int = 2, wide: int = 64, context: int = 8192, template: str = TEMPLATE) -> Path:
    """The model in the file `path`; `layers` and `wide` determine the work per token."""
    gguf: Any = import_module("gguf")
    writer = gguf.GGUFWriter(path, "llama")
    _describe(writer, layers, wide, context, template)
    size = _add_vocabulary(writer)
    _add_weights(writer, layers, wide, size)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _describe(writer: Any, layers: int, wide: int, context: int, template: str) -> None:
    writer.add_name(f"tiny {layers} x {wide}")
    writer.add_context_length(context)
    writer.add_embedding_length(wide)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(2 * wide)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(wide // 2)
    writer.add_file_type(0)
    writer.add_chat_template(template)


def _add_vocabulary(writer: Any) -> int:
    # The tokenizer writes a space as U+2581, which must be one token: GPT4All reserves one per byte.
    tokens = ["<unk>", "<s>", "</s>", "\u2581", *(f"<0x{byte:02X}>" for byte in range(256))]
    unknown, control, normal, byte_of = 2, 3, 1, 6
    writer.add_tokenizer_model("llama")
    writer.add_token_list([token.encode() for token in tokens])
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types([unknown, control, control, normal, *[byte_of] * 256])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_vocab_size(len(tokens))
    return len(tokens)


def _add_weights(writer: Any, layers: int, wide: int, vocabulary: int) -> None:
    random = np.random.default_rng(0)

    def add(name: str, *shape: int) -> None:
        writer.add_tensor(f"{name}.weight", (random.standard_normal(shape, dtype=np.float32) * 0.3))

    output = random.standard_normal((vocabulary, wide), dtype=np.float32) * 0.3
    # Only printable characters are likely, and the end of text is not: it writes until it is stopped.
    output[[0, 1, 2, *range(4, 4 + 32), *range(4 + 127, vocabulary)]] = 0
    writer.add_tensor("output.weight", output)
    add("token_embd", vocabulary, wide)
    writer.add_tensor("output_norm.weight", np.ones(wide, np.float32))
    for layer in range(layers):
        block = f"blk.{layer}."
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"{block}{name}.weight", np.ones(wide, np.float32))
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            add(block + name, wide, wide)
        for name in ("ffn_gate", "ffn_up"):
            add(block + name, 2 * wide, wide)
        add(f"{block}ffn_down", wide, 2 * wide)
