import csv
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from interurban_protocol.encoding import sha256_digest
from interurban_protocol.errors import MalformedError, VerificationError
from interurban_protocol.perturbation_tables import (
    PerturbationParameters,
    PerturbationRow,
    PerturbationTable,
    check_table,
    perturbation_table,
)
from tests.support.shared import shared_path

DEFAULT = PerturbationParameters()
TABLE = perturbation_table(DEFAULT)


def moments(row: PerturbationRow) -> tuple[float, float]:
    v, p = np.array(row.deviations), np.array(row.probabilities)
    return float(p @ v), float(p @ v**2)


def is_monotone(row: PerturbationRow) -> bool:
    p = dict(zip(row.deviations, row.probabilities, strict=True))
    below = [p[v] for v in sorted(p) if v < 0]
    above = [p[v] for v in sorted(p, reverse=True) if v > 0]
    return all(
        outer <= inner + 2e-8
        for chain in (below, above)
        for outer, inner in itertools.pairwise(chain)
    )


def entropy_by_slsqp(
    row: PerturbationRow, variance: float, stay: float | None, monotone: bool
) -> dict[int, float]:
    """The same problem given to a general solver, with nothing derived by hand."""
    v = np.array(row.deviations)
    rows = [np.ones(len(v)), v, v**2]
    targets = [1.0, 0.0, variance]
    if stay is not None:
        rows.append((v == 0).astype(float))
        targets.append(stay)
    constraints = [{"type": "eq", "fun": lambda p: np.array(rows) @ p - targets}]
    order = [
        (outer, inner)
        for side in (np.flatnonzero(v < 0), np.flatnonzero(v > 0)[::-1])
        for outer, inner in itertools.pairwise(side)
    ]
    if monotone and order:
        outer, inner = np.array(order).T
        constraints.append({"type": "ineq", "fun": lambda p: p[inner] - p[outer]})
    found = minimize(
        lambda p: float(np.sum(p * np.log(p))),
        np.full(len(v), 1 / len(v)),
        jac=lambda p: np.log(p) + 1,
        bounds=[(1e-12, 1)] * len(v),
        constraints=constraints,
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 1000},
    )
    assert found.success
    return dict(zip(row.deviations, found.x, strict=True))


def test_the_published_reference_table_is_reproduced():
    reference = shared_path("vectors/ptable/ptab_freq.txt").read_text()
    table = perturbation_table(PerturbationParameters(blocked=2))
    ours = {
        (row.count, v): (p, float(bound))
        for row in table.rows
        for v, p, bound in zip(
            row.deviations, row.probabilities, row.upper, strict=True
        )
    }
    entries = list(csv.DictReader(reference.splitlines(), delimiter=";"))
    assert len(entries) == len(ours) == 66
    for entry in entries:
        p, bound = ours[int(entry["i"]), int(entry["v"])]
        assert p == pytest.approx(float(entry["p"]), abs=2e-8)
        assert bound == pytest.approx(float(entry["p_int_ub"]), abs=2e-8)


@pytest.mark.parametrize("row", TABLE.rows[1:], ids=lambda row: f"n={row.count}")
def test_every_row_of_the_default_table_has_mean_0_and_variance_3(row):
    mean, variance = moments(row)
    assert mean == pytest.approx(0, abs=1e-6)
    assert variance == pytest.approx(3, abs=1e-6)


def test_zero_stays_zero():
    assert TABLE.rows[0].deviations == (0,)
    assert {TABLE.lookup(0, key) for key in (0, 1, 2**31, 2**32 - 1)} == {0}


def test_a_count_of_1_gives_up_the_fixed_probability_of_staying_and_stays_monotone():
    row = TABLE.rows[1]
    stays = dict(zip(row.deviations, row.probabilities, strict=True))[0]
    assert stays != pytest.approx(0.5, abs=0.01)
    assert is_monotone(row)


def test_a_count_of_2_gives_up_monotony_and_keeps_the_probability_of_staying():
    row = TABLE.rows[2]
    assert dict(zip(row.deviations, row.probabilities, strict=True))[0] == 0.5
    assert not is_monotone(row)


@pytest.mark.parametrize("row", TABLE.rows[3:], ids=lambda row: f"n={row.count}")
def test_larger_counts_keep_both(row):
    stays = dict(zip(row.deviations, row.probabilities, strict=True))[0]
    assert stays == pytest.approx(0.5, abs=2e-8)
    assert is_monotone(row)


def test_monotony_binds_where_the_reference_table_has_two_equal_probabilities():
    row = perturbation_table(PerturbationParameters(blocked=2)).rows[6]
    free = entropy_by_slsqp(row, 3.0, 0.5, monotone=False)
    ours = dict(zip(row.deviations, row.probabilities, strict=True))
    assert free[-2] > free[-1] + 1e-4
    assert ours[-2] == pytest.approx(ours[-1], abs=2e-8)


@pytest.mark.parametrize(
    "parameters",
    [
        DEFAULT,
        PerturbationParameters(blocked=2),
        PerturbationParameters(maximum=3, variance=1.0, stay=0.3),
        PerturbationParameters(maximum=8, variance=6.5, stay=0.2, blocked=1),
    ],
    ids=str,
)
def test_a_general_solver_finds_the_same_rows(parameters):
    for row in perturbation_table(parameters).rows[1:]:
        ours = dict(zip(row.deviations, row.probabilities, strict=True))
        has_stay = 0 in ours and ours[0] == pytest.approx(parameters.stay, abs=1e-7)
        theirs = entropy_by_slsqp(
            row,
            parameters.variance,
            parameters.stay if has_stay else None,
            monotone=is_monotone(row),
        )
        for v, p in theirs.items():
            assert ours[v] == pytest.approx(p, abs=2e-5), (row.count, v)


@settings(max_examples=60, deadline=None)
@given(
    maximum=st.integers(1, 12),
    variance=st.floats(0.05, 20),
    stay=st.floats(0.05, 0.9),
    blocked=st.integers(0, 4),
)
def test_every_table_that_exists_keeps_its_promises(maximum, variance, stay, blocked):
    parameters = PerturbationParameters(
        maximum=maximum, variance=variance, stay=stay, blocked=blocked
    )
    try:
        table = perturbation_table(parameters)
    except MalformedError:
        return
    assert len(table.rows) == maximum + blocked + 2
    for row in table.rows[1:]:
        mean, second = moments(row)
        assert mean == pytest.approx(0, abs=1e-5)
        assert second == pytest.approx(variance, abs=1e-4)
        assert all(abs(v) <= maximum for v in row.deviations)
        results = {row.count + v for v in row.deviations}
        assert not results & {*range(-20, 0), *range(1, blocked + 1)}
        assert row.upper[-1] == "1.00000000"


@pytest.mark.parametrize(
    "parameters",
    [
        PerturbationParameters(maximum=1, variance=3.0),
        PerturbationParameters(maximum=5, variance=5.0),  # n = 1 has less than 5
        PerturbationParameters(maximum=2, blocked=2),
    ],
    ids=str,
)
def test_parameters_that_no_noise_can_have_are_refused(parameters):
    with pytest.raises(MalformedError, match="no noise up to"):
        perturbation_table(parameters)


def test_a_count_without_any_possible_loss_is_refused():
    """With D=1 and js=3, a count of 2 can neither fall to 0 nor rise beyond 3."""
    with pytest.raises(MalformedError):
        perturbation_table(
            PerturbationParameters(maximum=1, variance=0.5, stay=0.1, blocked=3)
        )


def test_no_bound_is_so_near_to_a_rounding_edge_that_machines_could_differ():
    """The eighth decimal is decided by the solution, not by the last bits of a float."""
    for blocked in (0, 1, 2):
        first = perturbation_table(PerturbationParameters(blocked=blocked))
        nudged = PerturbationParameters(variance=3.0 * (1 + 1e-13), blocked=blocked)
        assert perturbation_table(nudged).rows == first.rows


def test_uniform_keys_give_each_deviation_its_probability():
    row = TABLE.rows[4]
    keys = np.linspace(0, 2**32 - 1, 20_001).astype(int)
    found = [TABLE.lookup(4, int(key)) for key in keys]
    for v, p in zip(row.deviations, row.probabilities, strict=True):
        assert found.count(v) / len(found) == pytest.approx(p, abs=2e-4)


def test_the_last_row_serves_every_larger_count():
    assert TABLE.lookup(6, 99) == TABLE.lookup(7, 99) == TABLE.lookup(10**6, 99)


def test_the_bounds_of_the_key_space_are_exact():
    row = TABLE.rows[3]
    edge = row.key_bounds[0]
    assert TABLE.lookup(3, edge - 1) == row.deviations[0]
    assert TABLE.lookup(3, edge) == row.deviations[1]
    assert TABLE.lookup(3, 2**32 - 1) == row.deviations[-1]
    assert TABLE.lookup(3, 2**32) == TABLE.lookup(3, 0)


def test_a_table_survives_the_wire_byte_for_byte():
    assert PerturbationTable.from_json(TABLE.to_json()) == TABLE
    assert PerturbationTable.from_json(TABLE.to_json()).to_json() == TABLE.to_json()
    check_table(PerturbationTable.from_json(TABLE.to_json()), DEFAULT)


def changed_row(position: int, **changes: object) -> PerturbationTable:
    rows = list(TABLE.rows)
    rows[position] = rows[position].model_copy(update=changes)
    return TABLE.model_copy(update={"rows": tuple(rows)})


@pytest.mark.parametrize(
    "table",
    [
        changed_row(0, deviations=(5,)),
        changed_row(3, upper=("0.09063279", *TABLE.rows[3].upper[1:])),
        changed_row(6, count=7),
        TABLE.model_copy(update={"rows": TABLE.rows[:-1]}),
        TABLE.model_copy(update={"rows": ()}),
        perturbation_table(PerturbationParameters(blocked=2)),
        perturbation_table(PerturbationParameters(variance=2.5)),
    ],
)
def test_another_table_than_its_parameters_give_is_refused(table):
    with pytest.raises(VerificationError, match="does not follow its parameters"):
        check_table(table, DEFAULT)


@pytest.mark.parametrize(
    "bound", ["0.5", "1.00000001", "-0.10000000", "0.1000000000", "0,10000000", "1"]
)
def test_a_bound_of_another_form_is_malformed(bound):
    text = TABLE.to_json().replace(b'"1.00000000"', f'"{bound}"'.encode())
    with pytest.raises(MalformedError):
        PerturbationTable.from_json(text)


@pytest.mark.parametrize(
    "member",
    ['"maximum":0', '"maximum":21', '"variance":0', '"stay":1', '"blocked":-1'],
)
def test_parameters_out_of_range_are_malformed(member):
    name = member.split(":")[0]
    kept = {
        '"blocked"': "0",
        '"maximum"': "5",
        '"stay"': "0.5",
        '"variance"': "3",
    }
    kept[name] = member.split(":")[1]
    text = "{" + ",".join(f"{key}:{value}" for key, value in kept.items()) + "}"
    with pytest.raises(MalformedError):
        PerturbationParameters.from_json(text.encode())


def test_the_default_table_never_changes_by_accident():
    """Every machine must compute these bytes, or it would refuse the others' releases."""
    assert sha256_digest(TABLE.to_json()) == (
        "sha256:45f53daee94b8cd38fd714cb152ba5f2cf6ee475e628d137733e2a3d291fe5bb"
    )
