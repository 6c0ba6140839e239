"""The telling of the story: what its steps hand on, and how they wait and speak."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from subprocess import Popen

from interurban_node.accounts import service as accounts
from interurban_node.aggregates import service as aggregates
from interurban_node.core.console import say
from interurban_node.core.errors import StateError
from interurban_node.demo.cities import City, run_command
from interurban_node.demo.scenario import Scenario
from interurban_node.demo.state import DemoLearner, DemoReference, Tokens

WAIT_SECONDS = 30
CODE_DAYS = timedelta(days=7)
COMMAND_SECONDS = 600


@dataclass
class Story:
    """What the steps hand on to each other."""

    cities: Sequence[City]
    scenario: Scenario
    folder: Path
    today: date
    quiet: bool = False
    agreement_id: str = ""
    plan_id: str = ""
    step: str = ""
    tokens: dict[str, Tokens] = field(default_factory=dict)
    learners: dict[str, list[DemoLearner]] = field(default_factory=dict)
    references: dict[str, list[DemoReference]] = field(default_factory=dict)
    releases: dict[str, int] = field(default_factory=dict)  # how many, by origin

    def tell(self, text: str) -> None:
        """Say what happened, on standard error."""
        if not self.quiet:
            say(f"    {text}")

    def example(self, city: City) -> DemoLearner:
        """A learner with something to see: one who was counted, if there is one."""
        learners = self.learners[city.plan.key]
        with city.node.database.transaction() as session:
            counted = [
                learner
                for learner in reversed(learners)
                if aggregates.counted_in(
                    session, learner.learner_ref, city.node.clock()
                )
            ]
        return counted[0] if counted else learners[0]

    @property
    def first(self) -> City:
        """The city that proposes, and where the certificate is from."""
        return self.cities[0]

    @property
    def second(self) -> City:
        """The city that the certificate is shown to."""
        return self.cities[1]


def sign_in_code(city: City, learner_ref: str) -> str:
    """A code with which a learner signs in once."""
    with city.node.database.transaction() as session:
        return accounts.mint_sign_in_code(
            session, city.node, learner_ref, city.node.clock(), CODE_DAYS
        )


def until(story: Story, what: str, holds: Callable[[], bool]) -> None:
    """Wait for the nodes' own jobs to bring something about.

    Raises:
        StateError: it did not happen in time.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise StateError(
                f"waited {WAIT_SECONDS} s in vain: {what}",
                next_step=f"Read the serve.log files in {story.folder}.",
            )
        time.sleep(0.1)


def in_parallel(story: Story, *command: str) -> None:
    """The same command in every city, as three operators would run it at the same time."""
    arguments: Mapping[str, Sequence[str]] = story.scenario.source_arguments
    started = [
        (city, run_command(city, *command, *arguments[city.plan.key]))
        for city in story.cities
    ]
    for city, process in started:
        with finished(city, process):
            pass


@contextmanager
def finished(city: City, process: "Popen[bytes]") -> Iterator[bytes]:
    """What a command printed, when it has ended.

    Raises:
        StateError: it failed.
    """
    out, errors = process.communicate(timeout=COMMAND_SECONDS)
    if process.returncode != 0:
        last = (errors or out).decode("utf-8", "replace").strip().splitlines()[-1:]
        raise StateError(f"{city.name}: a command failed: {' '.join(last)}")
    yield out
