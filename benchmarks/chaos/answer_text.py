"""The answers of the bench's model: the same text for the same seed and question, in tokens of uneven shape."""

import random
import re
from itertools import accumulate

WORDS = (
    *("haemoglobin", "light", "optode", "cortex", "signal", "channel", "montage", "motion", "artefact", "baseline"),
    *("naïve", "wavelength", "scattering", "absorbance", "voxel", "µmol", "𝛼-band", "response", "stimulus", "rest"),
    *("amplitude", "delay", "peak", "undershoot", "vascular", "coupling", "detector", "source", "probe", "cap"),
)

SPLIT = (("f", "NIRS"), ("f", "MRI"), ("desoxy", "Hb"), ("20", " Hz"))
"""Words of two tokens, the second of which does not look like the middle of a word."""

WORDS_PER_SENTENCE = 12


def tokens_of(seed: int, question: str, count: int) -> list[str]:
    """The tokens of the answer to `question`: the first begins with a capital, the others mostly with a space."""
    rng = random.Random(f"{seed}/{question}")
    tokens: list[str] = []
    while len(tokens) < count:
        ends = tokens and len(tokens) % WORDS_PER_SENTENCE == 0
        if ends:
            tokens[-1] += "."
        if tokens and rng.random() < 0.1:
            first, second = rng.choice(SPLIT)
            tokens += [f" {first}", second]
            continue
        word = rng.choice(WORDS)
        space = "\n\n" if ends and rng.random() < 0.3 else " "
        tokens.append(f"{space}{word.capitalize()}" if ends else f" {word}")
    tokens[0] = tokens[0].strip().capitalize() + f"-{rng.randrange(10**6)}"
    return tokens[:count]


def rest_after(tokens: list[str], prefix: str) -> list[str] | None:
    """The tokens that follow `prefix`; None if the answer does not begin with it."""
    if not "".join(tokens).startswith(prefix):
        return None
    rest: list[str] = []
    for end, token in zip(accumulate(map(len, tokens)), tokens, strict=True):
        if end > len(prefix):
            rest.append(token[max(0, len(prefix) - end + len(token)) :])
    return rest


def question_in(prompt: str) -> str:
    """The question at the end of a prompt."""
    found = re.findall(r"Question: (.+)\Z", prompt.strip())
    return found[-1] if found else ""


def shortened(value: object) -> str:
    """A value for a report: the beginning and the end, if it is long."""
    text = repr(value)
    return text if len(text) < 400 else f"{text[:200]} … {text[-200:]} ({len(text)})"
