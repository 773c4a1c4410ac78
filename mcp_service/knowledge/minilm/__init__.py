"""all-MiniLM-L6-v2, an embedder of English sentences, in 8-bit integers on onnxruntime."""
