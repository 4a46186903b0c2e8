"""How a row of the year of indicators.yaml is run on data behind a reference: the deviation.

References that no file has are computed here in the plainest way, by loops over days and hours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import holidays
import numpy as np
import pandas as pd
from oracle_runs import DAY, FILES, HOUR, Row, apart, london_panel, values
from shared_data import oracle_csv, oracle_json
from shared_mobility_water import FREMONT_TOTAL, dino, flow, fremont, water_oracle

from transforms.frames import to_panel


def year_of(row: Row, panel: pd.DataFrame, year: int, step_s: int, zone: str = "UTC") -> float:
    """Value of the one year that starts in the civil year of `zone`."""
    start, end = (pd.Timestamp(f"{each}-01-01", tz=zone) for each in (year, year + 1))
    if row["period"] == "year_utc1" and zone == "UTC":  # London's hours are shifted by one
        start, end = start - HOUR, end - HOUR
    names = sorted(set(panel["series"]))
    found = values(row, panel, start.tz_convert("UTC"), end.tz_convert("UTC"),
                   steps=dict.fromkeys(names, step_s), zone=zone)  # fmt: skip
    assert len(found) == 1
    return float(found.iloc[0])


# ---------------------------------------------------------------- air
def quantity_of(row: Row) -> str:
    return str(row["of"][0]).removesuffix("_hourly_mean")


def annual(row: Row) -> float:
    """By the file of annual statistics where it has the number, else by its daily means."""
    name = quantity_of(row)
    panel = london_panel(FILES.get(name, "no2"), HOUR)
    return max(
        apart([year_of(row, panel, year, 3600)], [annual_reference(row, name, year)])
        for year in (2000, 2001)
    )


def annual_reference(row: Row, name: str, year: int) -> float:
    stats = {(each["year"], each["quantity"]): each
             for each in oracle_json("air/london_annual.json")["stats"]}  # fmt: skip
    of_file = stats[year, FILES.get(name, "no2")]
    given = row.get("parameters", {})
    of = given.get("of", "hour")
    if row["function"].endswith("annual_mean"):
        return float(of_file["mean"])
    known = {
        ("hour", 200): "hours_gt_200",
        ("day", 50): "days_gt_50",
        ("day", 25): "days_gt_25",
        ("max_8h", 120): "days_max8h_gt_120",
    }
    key = known.get((of, given.get("limit", 0)), "")
    ranks = {("hour", 18): "rank19_hourly", ("day", 35): "rank36_daily",
             ("max_8h", 25): "rank26_max8h"}  # fmt: skip
    key = key or ranks.get((of, given.get("allowed", -1)), "")
    key = key or {98: "p98", 99.8: "p99_8"}.get(given.get("percent", 0), "")
    if key in of_file:
        return float(of_file[key])
    base = plain_base(FILES.get(name, "no2"), of, year)
    if "limit" in given:
        return float(sum(value > given["limit"] for value in base))
    return sorted(base, reverse=True)[given["allowed"]]


def several_years(row: Row) -> float:
    """London's two years put end to end: the statistic of each by plain loops, then their mean."""
    given = row["parameters"]
    name = quantity_of(row)
    hours = london_panel(FILES[name], 0 * HOUR)["value"]
    number = given["number"]
    copies = [shifted_years(hours[hours.index.year == 2000 + each % 2], 2 * (each // 2))
              for each in range(number)]  # fmt: skip
    panel = pd.concat(copies)
    panel = to_panel(panel.index - HOUR, "a", panel.to_numpy())
    plain = {
        "annual_mean": lambda year: float(copies[year].mean()),
        "aot40": lambda year: plain_aot40(copies[year]),
        "exceedance_count": lambda year: annual_reference(
            {"function": ":exceedance_count", "parameters": given}, name, 2000 + year % 2
        ),
    }[given["statistic"]]
    hours_of = [24 * (366 if year % 4 == 0 else 365) for year in range(number)]
    valid = [year for year in range(number) if len(copies[year]) >= 0.9 * hours_of[year]]
    assert valid
    expected = plain_mean([plain(year) for year in valid])
    return apart([year_of(row, panel, 2000 + number - 1, 3600)], [expected])


def shifted_years(hours: pd.Series[float], years: int) -> pd.Series[float]:
    """The same hours of another year, those of 29 February left out where it has none."""
    moved = [at.replace(year=at.year + years) for at in hours.index
             if years % 4 == 0 or (at.month, at.day) != (2, 29)]  # fmt: skip
    keep = [years % 4 == 0 or (at.month, at.day) != (2, 29) for at in hours.index]
    return pd.Series(hours.to_numpy()[keep], index=pd.DatetimeIndex(moved))


def plain_aot40(hours: pd.Series[float]) -> float:
    spring = hours[hours.index.month.isin([5, 6, 7])]
    daytime = spring[(spring.index.hour >= 8) & (spring.index.hour < 20)]
    return sum(max(0.0, value - 80.0) for value in daytime) * 92 * 12 / len(daytime)


def plain_base(name: str, of: str, year: int) -> list[float]:
    if of == "hour":
        hours = london_panel(name, 0 * HOUR)["value"]
        return hours[hours.index.year == year].tolist()
    file, column = {"day": ("air/london_daily_means.csv", "mean"),
                    "max_8h": ("air/london_o3_max8h.csv", "max8h")}[of]  # fmt: skip
    table = oracle_csv(file)
    mine = table["date"].str.startswith(str(year))
    if of == "day":
        mine &= table["quantity"] == name
    return table.loc[mine, column].dropna().tolist()


def aot40(row: Row) -> float:
    hours = london_panel("o3", 0 * HOUR)["value"]
    expected = plain_aot40(hours[hours.index.year == 2001])
    return apart([year_of(row, london_panel("o3", HOUR), 2001, 3600)], [expected])


def peak_season(row: Row) -> float:
    table = oracle_csv("air/london_o3_max8h.csv")
    days = {day: value for day, value in table.set_index("date")["max8h"].dropna().items()
            if day.startswith("2001")}  # fmt: skip
    seasons = []
    for first in range(1, 8):
        mine = [value for day, value in days.items() if first <= int(day[5:7]) < first + 6]
        seasons.append(sum(mine) / len(mine))
    return apart([year_of(row, london_panel("o3", HOUR), 2001, 3600)], [max(seasons)])


# ---------------------------------------------------------------- noise
def year_of_noise(row: Row) -> float:
    """The complete days of the reference, put on every day of a year in turn."""
    days = [day for day in oracle_json("noise/laeq_1min.json")["as_is"]["daily_following"]
            if day["complete"]]  # fmt: skip
    stamps = pd.date_range("2025-01-01", "2025-12-31", tz="UTC")
    names = list(row["of"])
    columns = {name: [days[n % len(days)][name] for n in range(365)] for name in names}
    levels = {name: energy_mean(column) for name, column in columns.items()}
    expected = next(iter(levels.values()))
    if len(names) > 1:
        parts = ((12, "lday", 0), (4, "levening", 5), (8, "lnight", 10))
        energy = sum(hours * 10 ** ((levels[name] + more) / 10) for hours, name, more in parts)
        expected = 10 * math.log10(energy / 24)
    return apart([year_of(row, long_panel(stamps, columns), 2025, 86_400)], [expected])


def energy_mean(levels: Sequence[float]) -> float:
    return 10 * math.log10(sum(10 ** (level / 10) for level in levels) / len(levels))


def long_panel(stamps: pd.DatetimeIndex, columns: dict[str, Any]) -> pd.DataFrame:
    times = np.tile(stamps.as_unit("ns").asi8, len(columns))
    value = np.concatenate([np.asarray(column, dtype=np.float64) for column in columns.values()])
    names = np.repeat(list(columns), len(stamps)) if len(columns) > 1 else None
    return to_panel(times, "a", value, names)


# ---------------------------------------------------------------- mobility
ZONE = "Etc/GMT+8"  # a clock without summer time: every stamp of the counter exists once
FREMONT_YEAR = 2018


def fremont_hours() -> pd.Series[float]:
    counts = fremont()[FREMONT_TOTAL].dropna()
    return counts[counts.index.year == FREMONT_YEAR]


def fremont_days() -> pd.Series[float]:
    hours = fremont_hours()
    return hours.groupby(hours.index.normalize()).sum()


def fremont_oracle() -> dict[str, Any]:
    years = oracle_json("mobility/fremont_years.json")["years"]
    return next(year for year in years if year["year"] == FREMONT_YEAR)


def of_counter(row: Row, columns: dict[str, pd.Series[float]]) -> float:
    parts = [to_panel(column.index.tz_localize(ZONE), "a", column.to_numpy(), name)
             for name, column in columns.items()]  # fmt: skip
    panel = pd.concat(parts)
    panel = panel.sort_values(["series", "quantity"], kind="stable") if len(parts) > 1 else panel
    panel = panel if len(parts) > 1 else panel[["series", "value"]]
    step = 3600 if "hourly" in row["of"][0] else 86_400
    return year_of(row, panel, FREMONT_YEAR, step, ZONE)


def average_day(row: Row) -> float:
    days, oracle = fremont_days(), fremont_oracle()
    expected = {
        "aadt": lambda: oracle["aadt_aashto_84_averages"],
        "weekdagetmaal": lambda: sum(oracle["mean_by_weekday_mon0"].values()) / 7,
        "werkdagetmaal": lambda: plain_mean([n for day, n in days.items() if workday(day)]),
    }[row["parameters"]["average"]]()
    return apart([of_counter(row, {row["of"][0]: days})], [expected])


def workday(moment: datetime) -> bool:
    day, table = moment.date(), holidays.country_holidays("NL", years=FREMONT_YEAR)
    more = {date(FREMONT_YEAR, 5, 5), date(FREMONT_YEAR, 12, 31)}
    return day.weekday() < 5 and day not in table and day not in more


def plain_mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)


def estimated(row: Row) -> float:
    """A week of a site with half the passages of the counter: half its AADT."""
    days = fremont_days()
    week = days["2018-05-07":"2018-05-13"] / 2  # type: ignore[misc]  # a slice by date
    panel = pd.concat([
        to_panel(days.index.tz_localize(ZONE), "permanent", days.to_numpy()),
        to_panel(week.index.tz_localize(ZONE), "short", week.to_numpy()),
    ])  # fmt: skip
    start, end = (pd.Timestamp(f"{year}-01-01", tz=ZONE) for year in (2018, 2019))
    found = values_by_series(row, panel, start, end)
    aadt = fremont_oracle()["aadt_aashto_84_averages"]
    return apart([found["permanent"], found["short"]], [aadt, aadt / 2])


def values_by_series(
    row: Row, panel: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp
) -> dict[str, float]:
    from transforms.traffic_indicators import estimated_aadt

    table = estimated_aadt(panel, start=start, end=end, zone=ZONE, coverage=row["coverage"],
                           steps={"permanent": 86_400, "short": 86_400})  # fmt: skip
    return dict(zip(table["series"], table["value"], strict=True))


def design_hour(row: Row) -> float:
    return apart([of_counter(row, {row["of"][0]: fremont_hours()})], [fremont_oracle()["hour30"]])


def k_factor(row: Row) -> float:
    hours, days = row["of"]
    ours = of_counter(row, {days: fremont_days(), hours: fremont_hours()})
    oracle = fremont_oracle()
    return apart([ours], [oracle["hour30"] / oracle["aadt_aashto_84_averages"]])


def peak(row: Row) -> float:
    first, last = row["parameters"]["hours_of_day"]
    hours = fremont_hours()
    means = [plain_mean([n for at, n in hours.items() if at.hour == hour and workday(at)])
             for hour in range(first, last)]  # fmt: skip
    return apart([of_counter(row, {row["of"][0]: hours})], [plain_mean(means)])


def peak_hour(row: Row) -> float:
    hours = fremont_hours()
    means = [plain_mean([n for at, n in hours.items() if at.hour == hour and workday(at)])
             for hour in range(24)]  # fmt: skip
    highest = max(means)
    expected = {"hour": float(means.index(highest)), "count": highest,
                "share": highest / sum(means)}[row["parameters"]["result"]]  # fmt: skip
    return apart([of_counter(row, {row["of"][0]: hours})], [expected])


def mode_share(row: Row) -> float:
    """Four modes with other counts; a day that lacks one of them does not enter."""
    stamps = pd.date_range("2018-01-01", "2018-12-31")
    counts = {name: pd.Series(np.arange(365.0) * number + 1, index=stamps)
              for number, name in enumerate(row["of"], 1)}  # fmt: skip
    last = row["of"][-1]
    whole = {name: plain.iloc[:300].sum() for name, plain in counts.items()}
    counts[last] = counts[last].iloc[:300]
    expected = whole[row["parameters"]["mode"]] / sum(whole.values())
    return apart([of_counter(row, counts)], [expected])


# ---------------------------------------------------------------- groundwater
WELL = "dino_B27D0140001_1"
ORACLE_KEYS = {"high": "ghg_yearly", "low": "glg_yearly", "spring": "gvg_yearly"}


def heads(row: Row, year: int) -> float:
    head = dino(WELL).dropna()
    panel = to_panel(head.index.tz_localize("UTC"), "well", head.to_numpy())
    return year_of(row, panel, year, 86_400)


def yearly_levels(row: Row) -> dict[int, float]:
    level = row["parameters"]["level"]
    found = water_oracle("groundwater_gxg.json")["series"][WELL][ORACLE_KEYS[level]]
    before = 0 if level == "spring" else 1  # labelled by the end of the hydrological year
    return {int(day[:4]) - before: value for day, value in found.items() if value is not None}


def level_of_year(row: Row) -> float:
    expected = yearly_levels(row)
    assert len(expected) > 15
    return max(apart([heads(row, year)], [value]) for year, value in expected.items())


def long_term_level(row: Row) -> float:
    """Means of eight yearly levels; at the last complete boundary that is the file's own."""
    levels = yearly_levels(row)
    last = max(levels)
    years = [year for year in range(last - 12, last + 1)
             if all(each in levels for each in range(year - 7, year + 1))]  # fmt: skip
    assert len(years) > 3
    means = {year: plain_mean([levels[each] for each in range(year - 7, year + 1)])
             for year in years}  # fmt: skip
    return max(apart([heads(row, year)], [mean]) for year, mean in means.items())


# ---------------------------------------------------------------- rain, flow, heat
def of_knmi_days(
    column: str, expected: Callable[[Row, list[float]], float]
) -> Callable[[Row], float]:
    def run(row: Row) -> float:
        oracle = oracle_csv("water/knmi_260_daily.csv")
        stamps = pd.DatetimeIndex(pd.to_datetime(oracle["date"].astype(str), utc=True))
        panel = to_panel(stamps, "a", oracle[column].to_numpy(dtype=np.float64))
        ours = year_of(row, panel, 2000, 86_400)
        return apart([ours], [expected(row, oracle[column].tolist())])

    return run


def counted(row: Row, days: list[float]) -> float:
    given = row["parameters"]
    low, high = given.get("at_least", -math.inf), given.get("below", math.inf)
    return float(sum(low <= value < high for value in days))


def degree_days(row: Row, days: list[float]) -> float:
    del row
    first = date(2000, 1, 1)
    weights = {1: 1.1, 2: 1.1, 3: 1.0, 10: 1.0, 11: 1.1, 12: 1.1}
    return sum(
        max(0.0, 18 - value) * weights.get((first + timedelta(days=number)).month, 0.8)
        for number, value in enumerate(days)
    )


def heat_waves(row: Row) -> float:
    """One wave of five days of which three are tropical, one week without enough of them."""
    maxima = [20.0] * 180 + [26, 31, 32, 30, 27, 24] + [25, 26, 31, 27, 26, 25, 30] + [20.0] * 172
    stamps = pd.date_range("2025-01-01", periods=365, tz="UTC")
    return apart([year_of(row, to_panel(stamps, "a", maxima), 2025, 86_400)], [1])


def return_period(row: Row) -> float:
    """The depth of the table that belongs to ten years, among lesser ones."""
    depth = {60: 31.0, 10: 17.5}[row["parameters"]["duration_min"]]
    stamps = pd.date_range("2025-01-01", periods=365, tz="UTC")
    depths = np.full(365, 2.0)
    depths[200] = depth
    years = year_of(row, to_panel(stamps, "a", depths), 2025, 86_400)
    return abs(years - 10) / 10


def flow_days(year: int) -> pd.Series[float]:
    gauge = flow()["LS06_347"]
    days = gauge.groupby(gauge.index.floor("D")).agg(["mean", "count"])
    return days["mean"][(days["count"] == 8) & (days.index.year == year)]


def flow_statistic(expected: Callable[[Row, pd.Series[float]], float]) -> Callable[[Row], float]:
    def run(row: Row) -> float:
        days = flow_days(2010)
        panel = to_panel(days.index, "a", days.to_numpy())
        return apart([year_of(row, panel, 2010, 86_400)], [expected(row, days)])

    return run


def flow_percentile(row: Row, days: pd.Series[float]) -> float:
    ordered = sorted(days)
    place = float(row["parameters"]["of_values"].removeprefix("p")) / 100 * (len(ordered) - 1)
    low = int(place)
    return ordered[low] + (place - low) * (ordered[low + 1] - ordered[low])


def lowest_week(row: Row, days: pd.Series[float]) -> float:
    del row
    found = []
    for at in days.index:
        week = [days.get(at + number * DAY) for number in range(7)]
        if all(value is not None for value in week):
            found.append(plain_mean(week))
    return min(found)


def maximum(row: Row) -> float:
    stamps = pd.date_range("2025-01-01", periods=365, tz="UTC")
    depths = np.arange(365.0) % 37
    return apart([year_of(row, to_panel(stamps, "a", depths), 2025, 86_400)], [36.0])
