"""Synthetic documents with the word frequencies of a collection."""

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator

PASSAGES_PER_DOCUMENT = 50
WORDS_PER_PASSAGE = (80, 160)


def synthetic_documents(texts: Iterable[str], passages: int, seed: int = 1) -> Iterator[tuple[str, str]]:
    """The names and Markdown of documents with about `passages` passages in total, one for each section."""
    rng = random.Random(seed)
    counted = Counter(word for text in texts for word in re.findall(r"\w+", text.lower()))
    words, often = list(counted), list(counted.values())
    for number in range(0, passages, PASSAGES_PER_DOCUMENT):
        sections = [
            f"## Section {place}\n\n{' '.join(rng.choices(words, often, k=rng.randint(*WORDS_PER_PASSAGE)))}.\n"
            for place in range(number, min(number + PASSAGES_PER_DOCUMENT, passages))
        ]
        yield f"made-{number:07}.md", "\n".join(sections)
