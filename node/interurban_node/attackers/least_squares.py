"""Least squares: the registry that fits everything published best.

Ranges prove; this attacker guesses. The numbers in the base cells are chosen, not below 0,
so that all shown cells together are missed by as little as possible; a hidden cell pushes
back only where its range is left. Cells of many base cells weigh less, as each of them says
less about one.
"""

import numpy as np

from interurban_node.attackers.spaces import Flags, Numbers
from interurban_node.attackers.systems import System, row_sums

STEPS = 400


def estimates(system: System, values: Numbers) -> Numbers:
    """The likely number of learners in every base cell.

    `values` are the shown ones, in the order of the system's rows; not a number where only
    the row's range is known. By accelerated projected gradients (Beck, Teboulle 2009); with
    rows weighted by 1 / size the steepness is at most the number of rows of a base cell.
    """
    found, rows = system.memberships, len(system.rows)
    sizes = row_sums(found, rows, np.ones(len(found)))
    low = np.where(np.isnan(values), system.rows.low, values)
    high = np.where(np.isnan(values), system.rows.high, values)
    current = ahead = np.zeros(len(found))
    speed = 1.0
    for _ in range(STEPS):
        sums = row_sums(found, rows, ahead)
        missed = np.append((sums - np.clip(sums, low, high)) / sizes, 0.0)  # 0 for NONE
        slope = missed[found].sum(axis=1)
        following = np.maximum(ahead - slope / found.shape[1], 0.0)
        faster = (1 + np.sqrt(1 + 4 * speed * speed)) / 2
        ahead = following + (speed - 1) / faster * (following - current)
        current, speed = following, faster
    return current


def claimed_alone(likely: Numbers) -> Flags:
    """The base cells of which this attacker says: exactly one learner."""
    found: Flags = np.rint(likely) == 1
    return found
