"""Background work: named jobs on one thread, each run in its own transactions.

A job is a plain function that does what is due and returns how much it did. One that fails
is logged by its class name and tried again at the next tick; it never stops the others.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from interurban_node.core.context import Node
from interurban_protocol.errors import InterurbanError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do on every tick."""

    name: str
    run: Callable[[Node], int]


def run_once(node: Node, jobs: Sequence[Job]) -> int:
    """Run every job once; how much was done in all."""
    return sum(_run(node, job) for job in jobs)


def _run(node: Node, job: Job) -> int:
    try:
        return job.run(node)
    except InterurbanError as error:
        logger.warning("job failed", extra={"job": job.name, "problem": error.message})
    except Exception as error:  # the thread must outlive any one job
        logger.exception(
            "job broke", extra={"job": job.name, "kind": type(error).__name__}
        )
    return 0


class JobRunner:
    """The thread that runs the jobs until it is stopped."""

    def __init__(self, node: Node, jobs: Sequence[Job]) -> None:
        self._node = node
        self._jobs = tuple(jobs)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="jobs", daemon=True)

    def start(self) -> None:
        """Begin ticking."""
        self._thread.start()

    def stop(self) -> None:
        """End after the job that is running."""
        self._stop.set()
        self._thread.join(timeout=30)

    def _loop(self) -> None:
        while not self._stop.wait(self._node.settings.tick_seconds):
            run_once(self._node, self._jobs)
