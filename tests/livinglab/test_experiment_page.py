"""The report of an experiment: words for everyone, charts, methods, data; nothing from outside."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from small_lab import DEVICES, END, LAB, arrive, design, history, project_of, registry_of

import transforms.experiments.checks
from livinglab import pipeline
from livinglab.errors import DataError
from livinglab.project import Project
from livinglab.registry import Covariate
from livinglab.report.experiment_page import experiment_contents, rendered, write_experiment
from livinglab.report.experiment_record import (
    daily_sides,
    find_experiment,
    flag_counts,
    require_result,
    stored_result,
    without_claims,
)
from livinglab.report.experiment_words import Words
from livinglab.report.experiment_words_nl import FAILED, VERDICTS, DutchWords
from livinglab.timeline import parse_instant
from transforms.experiment import Verdict

NAME = "bicycles-placebo"


@pytest.fixture(scope="module")
def written(demo_project: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Both files of the demo's experiment, by ending."""
    folder = tmp_path_factory.mktemp("reports") / "new"
    paths = write_experiment(demo_project, "lombok", NAME, folder)
    assert [path.name for path in paths] == [f"{NAME}.html", f"{NAME}.md"]
    return {path.suffix: path.read_text(encoding="utf-8") for path in paths}


class Page(HTMLParser):
    """Tags, text and addresses of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(str(value))
            if name in ("src", "href", "xlink:href", "action", "data"):
                self.addresses.append(str(value))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_html_begins_with_a_summary_in_plain_words(written: dict[str, str]) -> None:
    page = Page(written[".html"])
    order = [
        "summary",
        "samenvatting",
        "charts",
        "result",
        "checks",
        "sensitivity",
        "methods",
        "data",
    ]
    assert [name for name in page.ids if name in order] == order
    for words in ("What was tried", "What was seen", "How sure", "What it means for a decision"):
        assert words in page.text
    assert "Nobody intervened in these data" in page.text
    assert "false alarm" in page.text or "It found none, as it should." in page.text


def test_html_needs_nothing_from_outside_and_runs_nothing(written: dict[str, str]) -> None:
    page = Page(written[".html"])
    assert set(page.tags) & {"script", "link", "iframe", "object"} == set()
    assert [at for at in page.addresses if not at.startswith(("#", "data:"))] == []
    assert "default-src 'none'" in written[".html"]
    assert page.tags.count("svg") == 5
    assert len(page.ids) == len(set(page.ids))


def test_markdown_holds_its_charts_and_the_same_figures(written: dict[str, str]) -> None:
    charts = re.findall(r"!\[[^]]+\]\(data:image/svg\+xml;base64,([^)]+)\)", written[".md"])
    assert len(charts) == 5
    for chart in charts:
        assert ET.fromstring(base64.b64decode(chart)).tag.endswith("svg")
    for words in ("## Summary", "**Placebo.**", "| Effect |", "| coverage | passed |", "To cite"):
        assert words in written[".md"]
    text = re.sub(r"\(data:[^)]*\)", "", written[".md"])
    assert not re.search(r"\bNone\b", text.replace("None. Nobody", "").replace("None of", ""))


def test_reports_name_licence_source_and_versions(
    written: dict[str, str], demo_project: Project
) -> None:
    stored = require_result(demo_project, "lombok", NAME)
    lab = demo_project.registry.labs["lombok"]
    for text in written.values():
        for words in (
            lab.licence, lab.attribution, lab.data_note, stored.record["data"],
            stored.record["design"], stored.registry, stored.code, "bike_daily_count",
            "10.1162/003355304772839588", "utr-bike-01",
        ):  # fmt: skip
            assert words.replace("'", "&#39;") in text or words in text, words


def test_report_repeats_to_the_byte(demo_project: Project) -> None:
    for fmt in ("html", "md"):
        first, second = (
            rendered(experiment_contents(demo_project, "lombok", NAME), fmt) for _ in range(2)
        )
        assert first == second


def test_report_before_the_stop_date_is_interim(demo_project: Project) -> None:
    early = parse_instant("2025-09-04T10:00:00Z")
    contents = experiment_contents(demo_project, "lombok", NAME, now_ns=early)
    assert contents["interim"] == "2025-09-05"
    for fmt in ("html", "md"):
        text = rendered(contents, fmt)
        assert "Interim." in text
        assert "interim: no verdict before 2025-09-05" in text
        assert "Nothing yet. The design fixes 2025-09-05" in text
        for claim in ("effect shown", "p value", "includes none at all", "It found"):
            assert claim not in text.replace("p values and verdict are left out", ""), claim
    final = require_result(demo_project, "lombok", NAME).record
    masked = contents["record"]
    assert masked["estimate"] == final["estimate"] | {"p": None}
    assert {row["p"] for row in [*masked["sensitivity"], *masked["event_study"]]} == {None}
    assert experiment_contents(demo_project, "lombok", NAME)["interim"] == ""


def test_report_into_a_file_that_is_in_the_way_says_so(
    demo_project: Project, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(DataError, match="cannot write into"):
        write_experiment(demo_project, "lombok", NAME, tmp_path / "taken")


def test_find_experiment_says_what_there_is(demo_project: Project) -> None:
    for lab, name, told in (
        ("lombock", NAME, "one of buiksloterham"),
        ("lombok", "bicycle", f"it has {NAME}"),
        ("stratumseind", NAME, "none"),
    ):
        with pytest.raises(DataError) as caught:
            find_experiment(demo_project, lab, name)
        assert told in str(caught.value.hint)


def test_daily_sides_are_those_of_the_evaluation(demo_project: Project) -> None:
    stored = require_result(demo_project, "lombok", NAME)
    days = daily_sides(demo_project, stored.experiment, "bike_daily_count")
    assert len(days) == 84
    early, late = days["difference"].iloc[:42].mean(), days["difference"].iloc[42:].mean()
    assert late - early == pytest.approx(stored.record["estimate"]["effect"])


# ------------------------------------------------------------------ a lab of six days


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Project]:
    """Several outcomes, a covariate, hostile texts, and days that are too few."""
    hostile = "<script>alert(1)</script> | a $x$"
    row = design(
        placebo=False,
        label=hostile,
        what=hostile,
        method="weather_normalised",
        secondary=("level_daily",),
        treated=("south",),
        control=(),
        covariates=(Covariate("lden", "north"),),
        stop="2025-11-30",
    )
    project = project_of(tmp_path, registry_of(experiments=[row]))
    arrive(project.store, history(DEVICES))
    pipeline.reconcile(project, now_ns=END)
    yield project
    project.close()


def test_report_of_an_invalid_result_forbids_to_use_it(small: Project) -> None:
    late = parse_instant("2025-12-01T12:00:00Z")
    contents = experiment_contents(small, LAB, "trial", now_ns=late)
    page = Page(rendered(contents, "html"))
    assert "must not be used for a decision" in page.text
    assert "Level" in page.text or "level" in page.text
    assert "All outcomes" in page.text
    assert "script" not in page.tags
    markdown = rendered(contents, "md")
    assert "<script>" not in markdown
    assert "nan" not in page.text.lower().split()


HOSTILE = (
    "<script>alert(1)</script> \"q\" 'a' | [x](javascript:alert(1)) ![i](http://x.example/x.png)"
    " `code` *b* _e_ $m^2$ &lt; \u202e ü <img src=x onerror=alert(1)>\n# head\n- item"
)


def with_texts(project: Project, text: str) -> Project:
    """The project with a text wherever people write texts."""
    registry = project.registry
    lab = registry.labs["lombok"]
    texts = dict.fromkeys(("label", "hypothesis", "what", "where", "comparable", "contact"), text)
    plan = replace(lab.experiments[NAME], **texts)
    names = dict.fromkeys(("name", "municipality", "licence", "attribution", "data_note"), text)
    areas = {name: replace(area, label=text) for name, area in lab.areas.items()}
    lab = replace(lab, experiments={NAME: plan}, areas=areas, **names)
    labels = dict.fromkeys(("label_en", "label_nl", "definition", "source"), text)
    rows = {name: replace(row, **labels) for name, row in registry.indicators.items()}
    changed = replace(registry, labs={**registry.labs, "lombok": lab}, indicators=rows)
    return Project(changed, config_dir=project.config_dir)


def test_texts_of_others_are_shown_as_they_are_and_do_nothing(demo_project: Project) -> None:
    from markdown_it import MarkdownIt

    harmless, html, harmless_markdown, markdown = (
        rendered(experiment_contents(with_texts(demo_project, text), "lombok", NAME), fmt)
        for fmt in ("html", "md")
        for text in ("Some words", HOSTILE)
    )
    plain = Page(harmless)
    assert Page(html).tags.count("a") == plain.tags.count("a") == 0
    for tag in ("script", "img", "h1", "code", "em"):
        assert Page(html).tags.count(tag) == plain.tags.count(tag)
    reader = MarkdownIt("commonmark", {"html": True}).enable("table")
    pages = [Page(reader.render(text)) for text in (harmless_markdown, markdown)]
    for tag in ("script", "img", "a", "h1", "h2", "em", "code", "li", "td", "tr"):
        assert pages[0].tags.count(tag) == pages[1].tags.count(tag), tag
    assert not [at for at in pages[1].addresses if not at.startswith("data:")]
    assert "\u202e" not in html + markdown


def test_stale_result_says_so(small: Project) -> None:
    experiment = small.registry.labs[LAB].experiments["trial"]
    lab = small.registry.labs[LAB]
    changed = replace(experiment, alpha=0.1)
    labs = {LAB: replace(lab, experiments={"trial": changed})}
    small.registry = replace(small.registry, labs=labs, version="other")
    stored = stored_result(small, changed, END)
    assert stored is not None
    assert stored.state.startswith("configuration changed")
    html = rendered(experiment_contents(small, LAB, "trial", now_ns=END), "html")
    assert "Out of date." in html


def test_flag_counts_add_up_to_what_was_measured(small: Project) -> None:
    experiment = small.registry.labs[LAB].experiments["trial"]
    rows = flag_counts(small, replace(experiment, control=("north",)))
    assert {(side, phase) for side, phase, *_ in rows} == {
        (side, phase) for side in ("treated", "control") for phase in ("before", "after")
    }
    assert {of for *_, of in rows} == {48, 49}  # hours, and the clock went back on the 26th


def test_experiment_without_result_says_when_there_will_be_one(tmp_path: Path) -> None:
    project = project_of(tmp_path)
    with pytest.raises(DataError, match="no result yet") as caught:
        require_result(project, LAB, "trial")
    assert "2025-10-27" in str(caught.value.hint)


# ------------------------------------------------------------------ words


def words(kind: type[Words] = Words, **changes: Any) -> Words:
    registry = registry_of()
    numbers = {"effect": -3.0, "low": -5.0, "high": -1.0}
    record: dict[str, Any] = {
        "alpha": 0.05,
        "scale": "unit",
        "method": "did",
        "verdict": "effect shown",
        "reasons": ["Because."],
        "expected": "decrease",
        "estimate": numbers,
        "percent": {"effect": -30.0, "low": -50.0, "high": -10.0},
        "mde": 2.0,
        "mde_attained": 1.9,
        "checks": [],
        "adjusted_for": [],
        "mean": {"treated_before": 10.0, "treated_after": 8.0, "control_before": 5.0,
                 "control_after": 6.0},
    }  # fmt: skip
    plan = design(placebo=False, what="Fewer cars")
    indicator = registry.indicators["lden"]
    return kind(registry.labs[LAB], plan, indicator, record | changes)


def test_words_on_an_effect_leave_the_decision_to_people() -> None:
    said = words()
    assert "10 dB(A) before and 8 dB(A) after" in said.seen()
    assert "3 dB(A) less than the control area explains (-30.0 %" in said.seen()
    assert "is likely between -5 dB(A) and -1 dB(A)" in said.sure()
    assert "the way that was expected" in said.means()
    assert "for people to decide" in said.means()
    assert "OTHER way" in words(expected="increase").means()


def test_words_without_an_effect_name_what_would_have_been_missed() -> None:
    numbers = {"effect": -1.0, "low": -3.0, "high": 1.0}
    said = words(verdict="no effect shown", estimate=numbers)
    assert "includes none at all" in said.sure()
    assert "a change of less than 2 dB(A) would matter" in said.means()


def test_words_on_doubt_say_not_to_decide() -> None:
    assert "Do not decide on these numbers. Because." in words(verdict="inconclusive").means()
    failed = [{"name": "gaps", "passed": False, "consequence": "Many."}]
    assert "Not everything is in order: gaps" in words(checks=failed).sure()


def test_words_on_counts_are_percent() -> None:
    said = words(scale="log ratio", mde=0.0953101798)
    assert said.effect() == "-30 %"
    assert said.mde() == "10 %"


@pytest.mark.parametrize(
    ("visible", "interval", "english", "dutch"),
    [
        (True, "excluded", ("could have seen it", "excludes a change of that size"),
         ("had die in vier van de vijf gevallen of meer kunnen zien", "van die omvang uit")),
        (False, "possible", ("was too small to see it", "does not exclude a change of that size"),
         ("was te klein", "van die omvang niet uit")),
        (True, "beyond", ("could have seen it", "holds no smaller change"),
         ("had die in vier", "bevat geen kleinere verandering")),
    ],
)  # fmt: skip
def test_words_on_what_would_matter(
    visible: bool, interval: str, english: tuple[str, ...], dutch: tuple[str, ...]
) -> None:
    row = {"effect": 2.5, "visible": visible, "interval": interval}
    for kind, expected, size in (
        (Words, english, "would matter is 2.5 dB(A)"),
        (DutchWords, dutch, "ertoe doet 2,5 dB(A)"),
    ):
        sure = words(kind, relevant=row).sure()
        assert size in sure.replace("ertoe doet is", "ertoe doet")
        assert all(text in sure for text in expected), sure
        for verdict in ("invalid", "interim"):
            assert not any(
                text in words(kind, relevant=row, verdict=verdict).sure() for text in expected
            )
    assert "would matter" not in words(relevant=None).sure()


def test_words_on_an_effect_say_where_it_is_too_small_to_matter() -> None:
    row = {"effect": 6.5, "visible": True, "interval": "excluded"}
    for kind, told in (
        (Words, "smaller than what would matter by the design (6.5 dB(A))"),
        (DutchWords, "kleiner dan wat er volgens het ontwerp toe doet (6,5 dB(A))"),
    ):
        assert told in words(kind, relevant=row).means()
        assert told not in words(kind, relevant=row | {"interval": "possible"}).means()


def test_interim_record_keeps_what_would_matter_and_hides_what_the_interval_says() -> None:
    row = {"effect": 6.5, "visible": True, "interval": "excluded"}
    masked = without_claims({"relevant": row, "verdict": "effect shown"}, "2026-09-01")
    assert masked["relevant"] == {"effect": 6.5, "visible": None, "interval": None}
    assert "relevant" not in without_claims({"verdict": "invalid"}, "2026-09-01")
    said = words(verdict="interim", relevant=masked["relevant"], reasons=["Wait."])
    assert said.relevance is None
    assert "6.5" not in said.means()


def test_words_tell_a_drift_that_may_explain_an_effect() -> None:
    trend = {"slope": -0.01, "low": -0.1, "high": 0.08, "drift": -0.2, "possible": -1.75}
    for kind, told in (
        (Words, "slow drift that makes up to -1.75 dB(A) between the middles"),
        (
            DutchWords,
            "langzaam verloop niet uit dat tussen de middens van de twee perioden tot -1,75",
        ),
    ):
        assert told in words(kind, pre_trend=trend).sure()
        failed = [{"name": "pre-trend", "passed": False, "consequence": "Drift."}]
        for changes in (
            {"pre_trend": trend | {"possible": -1.5}},  # half of the effect, not more
            {"pre_trend": None},
            {"pre_trend": trend, "checks": failed},  # judged against the trend instead
            {"pre_trend": trend, "verdict": "no effect shown"},
        ):
            assert told[:10] not in words(kind, **changes).sure()


def test_words_tell_the_power_that_the_detectable_effect_means() -> None:
    numbers = {"effect": -3.0, "low": -5.0, "high": -1.0, "df": 10.0}
    told = words(estimate=numbers, mde_power=0.7138).power()
    assert "Student's with 10 degrees of freedom" in told
    assert "a probability of 71 %" in told
    assert words(estimate=numbers | {"df": None}, mde_power=None).power() == ""


def test_method_section_tells_the_power_of_the_detectable_effect(
    written: dict[str, str], demo_project: Project
) -> None:
    record = require_result(demo_project, "lombok", NAME).record
    assert 0.6 < record["mde_power"] < 0.8
    told = f"with a probability of {100 * record['mde_power']:.0f} %"
    for text in written.values():
        method = text[text.index("Answered in other ways") :]
        assert method.count(told) == 1


def test_words_without_an_effect_decide_by_what_would_matter() -> None:
    row = {"effect": 2.5, "visible": True, "interval": "excluded"}
    none = {"verdict": "no effect shown", "relevant": row}
    assert "but the interval excludes a change of 2.5 dB(A)" in words(**none).means()
    assert "sluit een verandering van 2,5 dB(A)" in words(DutchWords, **none).means()
    open_row = {"relevant": row | {"interval": "possible"}}
    assert "the interval does not exclude a change of" in words(**(none | open_row)).means()
    assert "ertoe doet, niet uit." in words(DutchWords, **(none | open_row)).means()


def test_dutch_words_say_the_same_in_dutch() -> None:
    said = words(DutchWords)
    assert "10 dB(A) ervoor en 8 dB(A) erna" in said.seen()
    assert "3 dB(A) minder dan het controlegebied verklaart (-30,0 %" in said.seen()
    assert "ligt waarschijnlijk tussen -5 dB(A) en -1 dB(A)" in said.sure()
    assert "is aan mensen" in said.means()
    failed = [{"name": "gaps", "passed": False, "consequence": "Many."}]
    doubt = words(DutchWords, verdict="inconclusive", checks=failed)
    assert "Besluit niet op grond van deze cijfers (veel ontbrekende dagen)" in doubt.means()
    numbers = {"effect": -1.5, "low": -3.0, "high": 1.0}
    none = words(DutchWords, verdict="no effect shown", estimate=numbers, mde_attained=2.5)
    assert "kan alles tussen -3 dB(A) en 1 dB(A) zijn, ook geen" in none.sure()
    assert "minder dan 2,5 dB(A)" in none.means()
    assert "mogen niet" in words(DutchWords, verdict="invalid", checks=failed).means()
    assert "Nog niets" in words(DutchWords, verdict="interim").means()


def test_dutch_words_know_every_check_and_verdict() -> None:
    source = Path(str(transforms.experiments.checks.__file__)).read_text(encoding="utf-8")
    names = set(re.findall(r'Check\(\s*"([^"]+)"', source)) | {"instruments"}
    assert names == set(FAILED)
    assert {str(verdict) for verdict in Verdict} | {"interim"} == set(VERDICTS)


def test_placebo_without_an_answer_is_no_success_of_the_method() -> None:
    for verdict, told in (
        ("effect shown", "false alarm"),
        ("no effect shown", "as it should"),
        ("invalid", "came to no answer"),
    ):
        said = words(verdict=verdict)
        said.design = design()
        assert told in said.means()


def test_an_effect_without_a_control_area_is_not_laid_at_the_measure_alone() -> None:
    failed = [{"name": "control area", "passed": False, "consequence": "None."}]
    plan = design(placebo=False, control=())
    for kind, told in (
        (Words, "cannot tell the measure"),
        (DutchWords, "geen werkend controlegebied"),
    ):
        said = words(kind, checks=failed)
        said.design = plan
        assert told in said.means()
