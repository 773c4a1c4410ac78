"""Estimates of token counts, for models whose tokenizer is not available."""


def estimate_tokens(text: str) -> int:
    """The estimated tokens of `text`: four for three words, as in English with common tokenizers."""
    return _tokens(len(text.split()))


def words_for_tokens(tokens: int) -> int:
    """The most words that are at most `tokens`."""
    return (3 * tokens + 2) // 4


def _tokens(words: int) -> int:
    return 4 * words // 3
