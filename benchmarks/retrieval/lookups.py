"""Look-ups in ten languages, each with the document that must come first."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).with_name("lookups.yaml")

SENTENCES = 12
"""Sentences around an answer."""


@dataclass(frozen=True)
class Lookup:
    """A question, its language, and the name of the document that answers it."""

    language: str
    question: str
    document: str


def read_lookups() -> tuple[dict[str, str], list[Lookup]]:
    """The texts of all documents by name, and the look-ups."""
    read = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    texts = {name: text for language, each in read.items() for name, text in _documents(language, each)}
    lookups = [
        Lookup(language, question, f"{document}.md")
        for language, each in read.items()
        for question, document in each["questions"].items()
    ]
    return texts, lookups


def _documents(language: str, read: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    chance = random.Random(language)
    sentences = [f"{subject}{predicate}" for subject, predicate in product(read["subjects"], read["predicates"])]
    end: str = read["end"]
    for number, (name, answer) in enumerate(read["documents"].items()):
        around = [sentence + end for sentence in chance.sample(sentences, SENTENCES)]
        half = SENTENCES // 2
        yield f"{name}.md", f"{''.join(around[:half])}{answer} {''.join(around[half:])}".strip()
        yield f"{language}-{number}.md", "".join(sentence + end for sentence in chance.sample(sentences, SENTENCES))
