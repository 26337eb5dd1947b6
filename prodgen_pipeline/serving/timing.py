"""How long the steps of one request took: milliseconds by name, and their total."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


class StepTimer:
    """Measures named steps of one request; not shared between threads."""

    def __init__(self, earlier: Mapping[str, float] | None = None) -> None:
        """`earlier` holds steps that were measured elsewhere, in milliseconds."""
        self._steps = {name: value for name, value in (earlier or {}).items() if name != "total"}
        self._before = (earlier or {}).get("total", 0.0)
        self._started = time.perf_counter()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure a block, also one that fails."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self._steps[name] = self._steps.get(name, 0.0) + (time.perf_counter() - started) * 1000

    def milliseconds(self) -> dict[str, float]:
        """The steps so far, and `total` from the first to now, what lies between them included."""
        total = self._before + (time.perf_counter() - self._started) * 1000
        return {name: round(value, 2) for name, value in {**self._steps, "total": total}.items()}
