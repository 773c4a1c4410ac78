"""The processor time and the memory of the product's processes."""

from dataclasses import dataclass

import psutil

from benchmarks.chaos.product import PARTS
from tests.end_to_end.product import Product

MEGABYTE = 2**20


def processor_ms(product: Product) -> dict[str, float]:
    """Milliseconds of processor time that each part has used since its start."""
    times = {part: psutil.Process(product.pid(part)).cpu_times() for part in PARTS}
    return {part: 1000 * (time.user + time.system) for part, time in times.items()}


def memory_mb(product: Product) -> dict[str, float]:
    """Resident memory of each part and of `up`; memory that parts share is counted for each."""
    processes = {part: psutil.Process(product.pid(part)) for part in PARTS}
    up = processes["api"].parent()
    if up is not None:
        processes["up"] = up
    return {name: process.memory_info().rss / MEGABYTE for name, process in processes.items()}


@dataclass
class Meter:
    """Measures what a number of executions cost."""

    product: Product
    before: dict[str, float]

    @classmethod
    def start(cls, product: Product) -> "Meter":
        """Begin to measure."""
        return cls(product, processor_ms(product))

    def per_execution(self, count: int) -> dict[str, float]:
        """Milliseconds of processor time per execution, by part."""
        after = processor_ms(self.product)
        return {part: (after[part] - used) / count for part, used in self.before.items()}
