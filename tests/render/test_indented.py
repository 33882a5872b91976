"""What a user would lose: a package that an earlier release made and this one calls changed, over a space."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pec_tracker.render.indented import indented

leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=30) | st.dictionaries(st.text(), inner, max_size=5), max_leaves=60
)


@given(values)
def test_a_report_is_written_as_ever(value: Any) -> None:
    assert indented(value) == json.dumps(value, ensure_ascii=False, indent=1)


def test_a_list_that_is_repeated_stands_everywhere_as_deep_as_it_is() -> None:
    long = [{"address": f"a{number}@x", "type": "certificato"} for number in range(40)]
    value = {"one": long, "two": {"three": [long, list(long)]}, "four": [{"five": list(long)}] * 2}
    assert indented(value) == json.dumps(value, ensure_ascii=False, indent=1)
