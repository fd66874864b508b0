"""What belongs together is on one side of a split, and on the same one the next time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evolver_tui.core.training_data.task_groups import TaskGroups, is_held_back

NAMES = st.integers(0, 30).map(str)


@given(st.lists(st.tuples(NAMES, NAMES), max_size=40))
def test_joined_tasks_share_a_group_and_others_do_not(pairs: list[tuple[str, str]]) -> None:
    groups = TaskGroups()
    together = {str(number): {str(number)} for number in range(31)}
    for number in together:
        groups.add(number)
    for one, other in pairs:
        groups.join(one, other)
        merged = together[one] | together[other]
        for each in merged:
            together[each] = merged
    for number, members in together.items():
        assert {each for each in together if groups.group_of(each) == groups.group_of(number)} == members
        assert groups.group_of(number) == min(members, key=int)


def test_about_the_share_is_held_back_and_more_of_it_for_a_larger_one() -> None:
    tasks = [f"task-{number}" for number in range(2_000)]
    tenth, half = ({task for task in tasks if is_held_back(task, share)} for share in (0.1, 0.5))
    assert 150 < len(tenth) < 250
    assert 900 < len(half) < 1_100
    assert tenth < half
