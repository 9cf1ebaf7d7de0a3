"""What a progress page says, step by step."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from strata_hub.pod_status import PodStatus, Step, Trouble, TroubleKind
from strata_hub.progress import REMINDER, Narrator, human_size

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_a_pull_is_told_with_size_and_since_when() -> None:
    told = Narrator(3_200_000_000).tell(PodStatus(Step.PULLING, NOW), NOW + timedelta(seconds=40))
    assert told
    assert told["message"] == "The node downloads the image (3.2 GB compressed), since 12:00:00 UTC (40 s)."


def test_an_image_of_unknown_size_is_told_without() -> None:
    told = Narrator().tell(PodStatus(Step.PULLING), NOW)
    assert told
    assert told["message"] == "The node downloads the image."


def test_a_node_that_is_being_added_is_told() -> None:
    told = Narrator().tell(PodStatus(Step.WAITING, scaling=True), NOW)
    assert told
    assert "adds a node" in str(told["message"])


def test_nothing_is_said_twice_until_a_reminder_is_due() -> None:
    narrator = Narrator()
    assert narrator.tell(PodStatus(Step.WAITING, NOW), NOW)
    assert narrator.tell(PodStatus(Step.WAITING, NOW), NOW + timedelta(seconds=REMINDER / 2)) is None
    again = narrator.tell(PodStatus(Step.WAITING, NOW), NOW + timedelta(seconds=REMINDER))
    assert again
    assert "10 s" in str(again["message"])


def test_a_trouble_that_may_pass_is_told_as_such() -> None:
    trouble = Trouble(TroubleKind.IMAGE, "The image could not be downloaded.", final=False)
    told = Narrator().tell(PodStatus(Step.PREPARING, trouble=trouble), NOW)
    assert told
    assert str(told["message"]).endswith("The image could not be downloaded. Kubernetes tries again.")


@given(st.lists(st.sampled_from(Step)))
def test_the_bar_never_goes_back(steps: list[Step]) -> None:
    narrator = Narrator()
    told = [event for step in steps if (event := narrator.tell(PodStatus(step), NOW))]
    percents = [int(event["progress"]) for event in told]
    assert percents == sorted(percents)


def test_sizes_are_decimal_as_registries_show_them() -> None:
    assert [human_size(n) for n in (0, 999, 1_000, 5_400_000, 12_345_678_901)] == [
        "0 B",
        "999 B",
        "1 kB",
        "5 MB",
        "12.3 GB",
    ]
