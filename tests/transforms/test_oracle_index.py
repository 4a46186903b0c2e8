"""Every row of indicators.yaml is checked: function and parameters as the row has them.

`CHECKS` is the index: what a row is compared with, and how far it may be off. Run with -s to see
the largest deviation of each. A coverage is only overridden where the reference has none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import place_years
import pytest
import yaml
import year_runs as year
from oracle_runs import (
    RAIN,
    TEMPERATURE,
    Row,
    arrivals,
    counts_of_days,
    counts_of_hours,
    daily_mean,
    eaqi,
    ec25,
    flow_days,
    heat_index,
    highest_hour,
    hourly_mean,
    intermittency,
    knmi_days,
    lki,
    lowest_of_hours,
    max_8h,
    meter,
    night_events,
    night_minimum,
    noise_day,
    noise_events,
    noise_hour,
    occupied,
    rain_depth,
    running_8h,
    running_24h,
    share_of_days,
    speeds,
    wind,
)
from place_runs import (
    emptyings,
    heat_increment,
    overflow,
    peak_of_places,
    route,
    socket,
    solar,
    waste_of_fractions,
)

CONFIG = Path(__file__).parents[2] / "config/indicators.yaml"
ROWS: dict[str, dict[str, Any]] = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Check:
    """What a row is compared with: `run` gives the largest deviation."""

    source: str
    tolerance: float
    run: Callable[[Row], float]


_EIGHT = Check("air/london_o3_max8h.csv", 1e-6, max_8h)
_HOUR = Check("air/rtp_rt01_hourly.csv", 1e-4, hourly_mean)
_SHARE = Check("mobility/telraam_*_local_days.csv", 1e-6, share_of_days)
_MEAN = Check("water/knmi_260_daily.csv t_mean_c", 1e-4, knmi_days(TEMPERATURE, "t_mean_c"))
_MAX = Check("water/knmi_260_daily.csv t_max_c", 1e-4, knmi_days(TEMPERATURE, "t_max_c"))
_RAIN = Check("water/knmi_260_daily.csv", 1e-4, knmi_days(RAIN, "rain_mm_trace_0"))

#: By function; rows whose parameters or periods make a difference are named by id below.
FUNCTIONS = {
    "air:hourly_mean": _HOUR,
    "air:daily_mean": Check("air/london_daily_means.csv, airbase_*", 1e-6, daily_mean),
    "air:max_daily_8h_mean": _EIGHT,
    "air_index:lki_hour": Check("domain 10.2 LKI", 0, lki),
    "air_index:eaqi_hour": Check("domain 10.2 EAQI", 0, eaqi),
    "heat:daily_maximum": _MAX,
    "heat:daily_minimum": Check(
        "water/knmi_260_daily.csv t_min_c", 1e-4, knmi_days(TEMPERATURE, "t_min_c")
    ),
    "heat:night_minimum": Check("domain 9, plain minimum of KNMI hours", 0, night_minimum),
    "mobility:hourly_count": Check("mobility/telraam_*.json", 1e-4, counts_of_hours),
    "mobility:daily_count": Check("mobility/telraam_*_local_days.csv", 1e-4, counts_of_days),
    "mobility:highest_hour": Check("mobility/telraam_*, plain maxima", 1e-9, highest_hour),
    "modes:modal_share": _SHARE,
    "noise:laeq_hour": Check("noise/laeq_1min_hourly.csv", 1e-4, noise_hour("laeq")),
    "noise:lday": Check("noise/laeq_1min.json", 1e-4, noise_day("lday", "following")),
    "noise:levening": Check("noise/laeq_1min.json", 1e-4, noise_day("levening", "following")),
    "noise:lden": Check("noise/laeq_1min.json", 1e-4, noise_day("lden", "following")),
    "noise_events:events_above": Check("domain 10.2 noise event", 0, noise_events),
    "noise_events:intermittency_ratio": Check("domain 10.2 IR", 1e-4, intermittency),
    "rain:max_depth": Check("domain 5.4, plain rolling sums", 1e-9, rain_depth),
    "speed_indicators:v50": Check("domain 4.4, median", 1e-6, speeds(lambda c: 30.0)),
    "speed_indicators:v85": Check("analytic/cases.json", 1e-6, speeds(lambda c: c["v85_linear"])),
    "speed_indicators:share_over_limit": Check(
        "domain 4.4, 3 of 20 faster", 1e-9, speeds(lambda c: 0.15)
    ),
    "water:hourly_mean": _HOUR,
    "water:daily_mean": _MEAN,
    "water:daily_maximum": _MAX,
    "water:hourly_sum": _RAIN,
    "water:daily_sum": _RAIN,
    "water:hourly_ec25": Check("domain 10.2 EC25", 1e-5, ec25),
    "weather:hourly_heat_index": Check("domain 10.2 heat index", 5e-4, heat_index),
    "weather:wind_direction": Check("analytic/cases.json", 1e-6, wind),
    "air:lowest_of_hours": Check("domain 2.2, plain minima of London", 1e-9, lowest_of_hours),
    "parking:occupied_share": Check("domain 4.6, 9 of 24 hours", 1e-9, occupied),
    "parking:turnover": Check("domain 4.6, 3 arrivals", 0, arrivals),
    "overflow_indicators:spill": Check("domain 10.2 CSO and weir", 1e-9, overflow),
    "parking:peak_occupancy": Check("domain 4.6, counts of every minute", 1e-9, peak_of_places),
    "charging:charging_share": Check("domain 4.6, 3 of 24 hours", 1e-9, socket),
    "charging:idle_share": Check("domain 4.6, 7 of 10 hours", 1e-9, socket),
    "travel_indicators:travel_times": Check("domain 4.7, plain percentiles", 1e-9, route),
    "waste:daily_waste": Check("domain 9, sums by hand", 0, waste_of_fractions),
    "waste:emptyings_of_day": Check("domain 9, two falls", 0, emptyings),
    "solar:solar_share": Check("domain 9, worked", 1e-9, solar),
    "heat_island:night_increment": Check("domain 9, worked night", 1e-9, heat_increment),
    "meters:daily_use": Check("water/knmi_260_daily.csv as a meter", 1e-4, meter),
}
CHECKS = {name: FUNCTIONS[row["function"]] for name, row in ROWS.items()
          if row["function"] in FUNCTIONS}  # fmt: skip
CHECKS |= {
    "flow_daily": Check("water/vmm_flow.json", 1e-6, flow_days),
    "discharge_daily": Check("water/vmm_flow.json", 1e-6, flow_days),
    "l10_hour": Check("noise/laeq_1min_hourly.csv", 1e-4, noise_hour("l10")),
    "l50_hour": Check("noise/laeq_1min_hourly.csv", 1e-4, noise_hour("l50")),
    "l90_hour": Check("noise/laeq_1min_hourly.csv", 1e-4, noise_hour("l90")),
    "laeq_max_hour": Check("noise/laeq_1min_hourly.csv", 1e-4, noise_hour("lmax")),
    "lnight": Check("noise/laeq_1min.json", 1e-4, noise_day("lnight", "following")),
    "lnight_calendar": Check("noise/laeq_1min.json", 1e-4, noise_day("lnight", "calendar")),
    "o3_running_8h_mean": Check("air/london_o3_max8h.csv", 1e-6, running_8h),
    "pm2_5_running_24h_mean": Check("air/london_daily_means.csv", 1e-6, running_24h),
    "pm10_running_24h_mean": Check("air/london_daily_means.csv", 1e-6, running_24h),
}
CHECKS |= {
    name: Check("domain 3.3 and 10.2, at noon and at night", 0, night_events)
    for name in ROWS
    if name.startswith("night_events")
}

#: By function, of the indicators of the year.
YEARS = {
    "air_annual:annual_mean": Check("air/london_annual.json", 1e-6, year.annual),
    "air_annual:exceedance_count": Check("air/london_annual.json, _daily_means", 0, year.annual),
    "air_annual:rank_value": Check("air/london_annual.json, _daily_means", 1e-6, year.annual),
    "air_annual:annual_percentile": Check("air/london_annual.json", 1e-6, year.annual),
    "air_annual:aot40": Check("domain 2.1, plain sum", 1e-6, year.aot40),
    "air_ozone:peak_season": Check("air/london_o3_max8h.csv, plain means", 1e-6, year.peak_season),
    "noise_years:long_term_level": Check("noise/laeq_1min.json", 1e-4, year.year_of_noise),
    "noise_years:lden_year": Check("noise/laeq_1min.json", 1e-4, year.year_of_noise),
    "traffic_indicators:average_day": Check("mobility/fremont_years.json", 1e-4, year.average_day),
    "traffic_indicators:estimated_aadt": Check("mobility/fremont_years.json", 1e-4, year.estimated),
    "traffic_indicators:design_hour": Check("mobility/fremont_years.json", 1e-4, year.design_hour),
    "traffic_indicators:k_factor_of_year": Check(
        "mobility/fremont_years.json", 1e-4, year.k_factor
    ),
    "traffic_indicators:peak_of_workdays": Check("domain 4.1, plain means", 1e-6, year.peak),
    "traffic_indicators:peak_hour_of_workdays": Check(
        "mobility/fremont_*.csv, plain means", 1e-6, year.peak_hour
    ),
    "several_years:mean_of_years": Check(
        "domain 2.1, plain means of London's years", 1e-6, year.several_years
    ),
    "traffic_indicators:mode_share_of_year": Check("domain 4.5, plain", 1e-9, year.mode_share),
    "groundwater_years:level_of_year": Check(
        "water/groundwater_gxg.json", 1e-5, year.level_of_year
    ),
    "groundwater_years:long_term_level": Check(
        "water/groundwater_gxg.json", 1e-5, year.long_term_level
    ),
    "overflow_indicators:overflow_of_year": Check("domain 10.2 CSO", 1e-9, place_years.overflow),
    "rain_years:rain_events_of_year": Check(
        "water/knmi_uurgeg_260, walk", 1e-9, place_years.rain_events
    ),
    "waste:household_waste_of_year": Check("domain 9, by hand", 1e-9, place_years.household_waste),
    "waste:separation_rate_of_year": Check("domain 9, by hand", 1e-9, place_years.separation),
    "solar:solar_share_of_year": Check("domain 9, plain sums", 1e-9, place_years.solar),
    "yearly:return_period_of_year": Check("domain 5.4, table", 0.02, year.return_period),
    "yearly:lowest_flow_of_year": Check(
        "water/vmm_flow.json days, plain", 1e-6, year.flow_statistic(year.lowest_week)
    ),
    "yearly:heat_waves_of_year": Check("domain 9, worked", 0, year.heat_waves),
    "yearly:degree_days_of_year": Check(
        "domain 9, plain sum", 1e-6, year.of_knmi_days("t_mean_c", year.degree_days)
    ),
}
_RAIN_DAYS, _MAXIMA = (
    Check("water/knmi_260_daily.csv", 0, year.of_knmi_days(column, year.counted))
    for column in ("rain_mm_trace_0", "t_max_c")
)
_FLOW = Check("plain percentile", 1e-6, year.flow_statistic(year.flow_percentile))
_SUM = Check(
    "water/knmi_260_daily.csv",
    1e-4,
    year.of_knmi_days("rain_mm_trace_0", lambda row, days: sum(days)),
)
_HIGHEST = Check("plain maximum", 0, year.maximum)
CHECKS |= {name: YEARS[row["function"]] for name, row in ROWS.items() if row["function"] in YEARS}
CHECKS |= dict.fromkeys(("dry_days", "wet_days", "heavy_rain_days"), _RAIN_DAYS)
CHECKS |= dict.fromkeys(("warm_days", "summer_days", "tropical_days", "tropical_nights"), _MAXIMA)
CHECKS |= dict.fromkeys(("discharge_q95", "discharge_q5"), _FLOW)
CHECKS |= dict.fromkeys(("rain_max_10min_year", "rain_max_60min_year"), _HIGHEST)
CHECKS |= dict.fromkeys(
    ("rain_year", "energy_year", "gas_year", "overflow_volume_year", "emptyings_year"), _SUM
)


@pytest.mark.parametrize("name", ROWS)
def test_indicator_matches_its_reference(name: str) -> None:
    assert name in CHECKS, "a row needs an oracle or a worked vector"
    check = CHECKS[name]
    deviation = check.run(ROWS[name])
    print(f"\n{name:28} {check.source:44} <= {check.tolerance:<8g} {deviation:.2g}", end="")
    assert deviation <= check.tolerance
