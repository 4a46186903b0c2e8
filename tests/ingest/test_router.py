"""Topic filters against paho's own matching, and what a claim says."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from loader_kit import demo_registry
from paho.mqtt.client import topic_matches_sub

from ingest import router
from ingest.router import Router, filter_of, is_match
from livinglab.registry import Registry, Route

LEVEL = st.sampled_from(["a", "b", "", "$SYS", "é", "a b"])
TOPIC = st.lists(LEVEL, min_size=1, max_size=5).map("/".join)
FILTER = st.builds(
    lambda levels, end: "/".join([*levels, *end]),
    st.lists(st.one_of(LEVEL, st.just("+")), min_size=1, max_size=4),
    st.sampled_from([[], ["#"]]),
)


def routed(*filters: tuple[str, str]) -> Registry:
    """The demo's registry with other routes: (lab, topic filter)."""
    registry = demo_registry()
    labs = {
        name: dataclasses.replace(
            lab,
            routes=tuple(
                Route(topic, "senml_json", "payload", "")
                for owner, topic in filters
                if owner == name
            ),
        )
        for name, lab in registry.labs.items()
    }
    return dataclasses.replace(registry, labs=labs)


@given(topic_filter=FILTER, topic=TOPIC)
@example("#", "$SYS/broker")
@example("+/b", "$SYS/b")
@example("a/#", "a")
@example("+/+", "/a")
@example("a/+", "a/")
def test_is_match_agrees_with_paho(topic_filter: str, topic: str) -> None:
    assert is_match(topic_filter.split("/"), topic) == topic_matches_sub(topic_filter, topic)


@pytest.mark.parametrize(
    ("subscription", "expected"),
    [
        ("$share/group/a/+/c", "a/+/c"),
        ("$share/group/#", "#"),
        ("a/b", "a/b"),
        ("$share/group", ""),
        ("$SYS/#", "$SYS/#"),
    ],
)
def test_filter_of_strips_the_share_group(subscription: str, expected: str) -> None:
    assert filter_of(subscription) == expected


def test_claim_names_lab_and_route() -> None:
    claims = Router(demo_registry())
    assert [claims.claim(topic)[0] for topic in ("lombok/senml/x", "stratumseind/json/y")] == [  # type: ignore[index]  # both are claimed
        "lombok",
        "stratumseind",
    ]
    lab, route = claims.claim("v3/lombok@livinglab/devices/utr-gw-01/up") or ("", None)
    assert (lab, route and route.decoder) == ("lombok", "tts_v3")
    assert claims.claim("lombok/unknown/x") is None


def test_claim_ignores_the_share_group_of_a_route() -> None:
    claims = Router(routed(("lombok", "$share/ingest/lombok/#")))
    assert claims.claim("lombok/anything") is not None
    assert claims.filters() == ["lombok/#"]


def test_claim_prefers_the_narrower_filter_in_any_order() -> None:
    wide, narrow = ("lombok", "x/#"), ("stratumseind", "x/+/one")
    for filters in ((wide, narrow), (narrow, wide)):
        claims = Router(routed(*filters))
        assert claims.claim("x/y/one")[0] == "stratumseind"  # type: ignore[index]  # it is claimed
        assert claims.claim("x/y/two")[0] == "lombok"  # type: ignore[index]  # it is claimed


def test_claim_remembers_a_bounded_number_of_topics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router, "CACHE_LIMIT", 10)
    claims = Router(demo_registry())
    for number in range(1_000):
        assert claims.claim(f"lombok/senml/{number}") is not None
        assert claims.claim(f"nowhere/{number}") is None
    assert len(claims._cache) <= 10
