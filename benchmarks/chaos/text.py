"""What the bench's model answers: the same text for the same seed and question, in tokens of uneven shape."""

import random
import re
from itertools import accumulate

WORDS = (
    *("haemoglobin", "light", "optode", "cortex", "signal", "channel", "montage", "motion", "artefact", "baseline"),
    *("naïve", "wavelength", "scattering", "absorbance", "voxel", "µmol", "𝛼-band", "response", "stimulus", "rest"),
    *("amplitude", "delay", "peak", "undershoot", "vascular", "coupling", "detector", "source", "probe", "cap"),
)

SPLIT = (("f", "NIRS"), ("f", "MRI"), ("desoxy", "Hb"), ("20", " Hz"))
"""Words that come in two tokens, the second of which does not look like the middle of a word."""

SENTENCE = 12


def tokens_of(seed: int, question: str, count: int) -> list[str]:
    """The tokens of the answer to `question`: the first begins with a capital, the others mostly with a space."""
    chance = random.Random(f"{seed}/{question}")
    tokens: list[str] = []
    while len(tokens) < count:
        ends = tokens and len(tokens) % SENTENCE == 0
        if ends:
            tokens[-1] += "."
        if tokens and chance.random() < 0.1:
            first, second = chance.choice(SPLIT)
            tokens += [f" {first}", second]
            continue
        word = chance.choice(WORDS)
        space = "\n\n" if ends and chance.random() < 0.3 else " "
        tokens.append(f"{space}{word.capitalize()}" if ends else f" {word}")
    tokens[0] = tokens[0].strip().capitalize() + f"-{chance.randrange(10**6)}"
    return tokens[:count]


def rest_after(tokens: list[str], prefix: str) -> list[str] | None:
    """The tokens that are left once `prefix` is written; None when the answer does not begin so."""
    if not "".join(tokens).startswith(prefix):
        return None
    left: list[str] = []
    for end, token in zip(accumulate(map(len, tokens)), tokens, strict=True):
        if end > len(prefix):
            left.append(token[max(0, len(prefix) - end + len(token)) :])
    return left


def question_in(prompt: str) -> str:
    """The question that a prompt ends with."""
    found = re.findall(r"Question: (.+)\Z", prompt.strip())
    return found[-1] if found else ""


def shortened(value: object) -> str:
    """What a report shows of a value."""
    text = repr(value)
    return text if len(text) < 400 else f"{text[:200]} … {text[-200:]} ({len(text)})"
