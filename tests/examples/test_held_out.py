from hypothesis import given
from hypothesis import strategies as st

from topwork.examples.held_out import hold_out

LABELS = st.lists(st.sampled_from("abc"), min_size=1, max_size=60)


def test_holds_a_tenth_of_each_class_out() -> None:
    labels = ["a"] * 200 + ["b"] * 50
    train, held = hold_out(labels)
    assert (len(train), len(held)) == (225, 25)
    assert [labels[i] for i in held].count("b") == 5
    again = hold_out(labels)
    assert held.tolist() == again[1].tolist()
    assert held.tolist() != hold_out(labels, seed=1)[1].tolist()


def test_of_one_example_or_one_group_none_is_held_out() -> None:
    assert hold_out(["a"])[1].size == 0
    assert hold_out(["a", "b", "a"], ["g", "g", "g"])[1].size == 0


def test_groups_of_none_are_examples_of_their_own() -> None:
    labels = ["a", "b"] * 50
    assert hold_out(labels, [None] * 100)[1].tolist() == hold_out(labels)[1].tolist()


@given(st.data())
def test_groups_stay_whole_and_every_class_can_be_learned(data: st.DataObject) -> None:
    labels = data.draw(LABELS)
    names = st.lists(
        st.sampled_from(["g1", "g2", "g3", "g4", None]), min_size=len(labels), max_size=len(labels)
    )
    groups = data.draw(st.none() | names)
    train, held = hold_out(labels, groups, seed=data.draw(st.integers(0, 3)))
    assert sorted([*train, *held]) == list(range(len(labels)))
    assert {labels[i] for i in train} == set(labels)
    if groups is not None:
        assert not {groups[i] for i in train} & {groups[i] for i in held} - {None}
