"""Small repositories and policies of every sort, for property tests."""

from hypothesis import strategies as st

HEX = "0" * 64
HIDDEN = {kind: {"count": 0} for kind in ("weekly", "daily", "release")}
"""Sections without a place, so that the menu keeps nothing by itself."""
TAGS = st.sampled_from(
    ["recommended", "latest", "exp_a", "odd", f"sha256-{HEX}.sig", "r1_0", "r1_0_rsp2", "r2_0", "r2_0_rc1"]
    + [f"w_2026_{week:02}{suffix}" for week in range(1, 6) for suffix in ("", "_rsp1", "_c0044", "_c0045-arm64")]
)
POLICIES = st.fixed_dictionaries(
    {},
    optional={
        "approved_cycles": st.sampled_from([[44], [], [44, 45]]),
        "support": st.sampled_from([{}, {"previous_releases": 0}, {"years": 1}]),
        "architectures": st.just(["amd64"]),
        "recommended": st.sampled_from([{"x": "recommended"}, {"x": {"tag": "w_2026_01", "groups": ["g"]}}]),
        "pins": st.just({"p": "r1_0"}),
        "groups": st.just({"g": {"kinds": {"experimental": {"allowed": True, "count": 1}}, "unsupported": True}}),
        "kinds": st.sampled_from([HIDDEN, {"weekly": {"max_age_days": 300}}, {"release": {"min_version": "2"}}]),
        "exclude": st.just({"e": {"tags": "w_2026_03*", "reason": "bad"}}),
        "retention": st.just({"kinds": {kind: {"count": 1, "days": 5, "builds": 1} for kind in ("weekly", "release")}}),
    },
)
NAMES = st.dictionaries(TAGS, st.sampled_from("abcdefgh"), max_size=12)
