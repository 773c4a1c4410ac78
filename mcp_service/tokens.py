"""A rough count of tokens, where no tokenizer of a model is at hand."""


def tokens_in(text: str) -> int:
    """About how many tokens `text` is: four for three words, as English has with the usual tokenizers."""
    return _tokens(len(text.split()))


def words_within(tokens: int) -> int:
    """How many words are at most `tokens`."""
    return (3 * tokens + 2) // 4


def _tokens(words: int) -> int:
    return 4 * words // 3
