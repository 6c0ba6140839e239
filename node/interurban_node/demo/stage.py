"""Setting the story up: an empty folder, three running nodes, their registries."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from interurban_node.core.clock import system_clock
from interurban_node.core.console import say
from interurban_node.demo import scenario
from interurban_node.demo.cities import own_folder, running
from interurban_node.demo.story import today_of
from interurban_node.demo.telling import Story


@contextmanager
def staged(folder: Path, data: Path | None, *, quiet: bool) -> Iterator[Story]:
    """A story whose nodes run until the end of the block.

    Raises:
        ConfigurationError: the folder is somebody else's.
        StateError: a demonstration runs in it, or a node does not start.
    """
    now = system_clock()
    today = today_of(now)
    if not quiet:
        say("[0] Start: three homes, three keys, three databases, three nodes")
    plans = scenario.plans(data)
    with own_folder(folder), running(plans, folder.resolve(), now) as cities:
        if data is None:
            found = scenario.synthetic(cities, today)
        else:
            found = scenario.real(cities, data.resolve(), today)
        yield Story(
            cities=cities, scenario=found, folder=folder, today=today, quiet=quiet
        )
