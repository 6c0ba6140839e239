"""What the story leaves out when the gate has refused: whatever hangs on it, nothing else."""

from interurban_node.demo.publishing import Built
from interurban_node.demo.tables import invented_structures

STRUCTURES = {structure.id: structure for structure in invented_structures()}


def test_what_became_of_a_refused_cohort_cannot_be_told() -> None:
    made = Built(refused=[("EXITS", "2025-Q1", "somebody could be found")])
    assert made.lacks_cohort(STRUCTURES["JOBS_Q2"], "2025-Q1")
    assert made.lacks_cohort(STRUCTURES["JOBS_Q4"], "2025-Q1")


def test_other_cohorts_and_other_quarters_can_be_told() -> None:
    made = Built(refused=[("EXITS", "2025-Q1", "somebody could be found")])
    assert not made.lacks_cohort(STRUCTURES["JOBS_Q2"], "2025-Q3")
    assert not made.lacks_cohort(STRUCTURES["APPRENTICESHIP_BREAKS"], "2025-Q1")
    assert not made.lacks_cohort(STRUCTURES["COMPLETION"], "2025-Q1")
    assert not made.lacks_cohort(STRUCTURES["EXITS"], "2025-Q1")
