"""The age of a patient, held to birthdays counted one by one."""

import calendar
import datetime
import random
from collections.abc import Mapping
from typing import Any

import pytest

from dicom_sieve.criteria import Decider, compile_criteria
from dicom_sieve.criteria.judge_measured import describe_way
from dicom_sieve.criteria.reading import load_criteria

CASES = 20_000
SEED = 20_261_129
AGE, BIRTH, STUDY, SERIES, ACQUISITION = "00101010", "00100030", "00080020", "00080021", "00080022"
OPERATIONS = ("EQUALS", "NOT_EQUALS", "GREATER", "LESS", "AT_LEAST", "AT_MOST", "IN", "NOT_IN", "BETWEEN")
Header = Mapping[str, tuple[str, ...]]


def finding(header: Header, operation: str = "AT_LEAST", reference: Any = "018Y", **more: Any) -> str:
    given = {"reference": reference} if reference else {}
    asked = load_criteria([{"measure": "AGE", "operation": operation, **given, **more}])
    [found] = Decider(compile_criteria(asked)).decide(header, None).findings
    return found.value


def birthdays(born: datetime.date, then: datetime.date) -> tuple[int, int]:
    """Count the years and months that someone completed, going through them one after the other."""
    months, year, month = 0, born.year, born.month
    while True:
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        last = calendar.monthrange(year, month)[1] if born.day > 28 else 28
        # Who was born on the 31st completes a month that has no such day with its end, a day later.
        day = datetime.date(year, month, born.day) if born.day <= last else datetime.date(year, month, last)
        if day > then or (born.day > last and day == then):
            return months // 12, months
        months += 1


def some_day(chance: random.Random, first: int, last: int) -> datetime.date:
    if chance.random() < 0.2:  # the ends of months, leap days among them
        year, month = chance.randint(first, last), chance.choice([2, 2, 3, 4, 12])
        return datetime.date(year, month, chance.choice([1, 28, calendar.monthrange(year, month)[1]]))
    return datetime.date(first, 1, 1) + datetime.timedelta(chance.randrange(365 * (last - first)))


def is_met(operation: str, ages: list[int], numbers: list[int]) -> bool:
    age, number = ages[0], numbers[0]
    match operation.removeprefix("NOT_"):
        case "EQUALS" | "IN":
            met = any(a == n for a, n in zip(ages, numbers, strict=True))
        case "GREATER":
            met = age > number
        case "LESS":
            met = age < number
        case "AT_LEAST":
            met = age >= number
        case "AT_MOST":
            met = age <= number
        case _:
            met = age >= number and ages[1] <= numbers[1]
    return met != operation.startswith("NOT_")


class TestAnAge:
    def test_is_counted_in_the_units_of_the_reference(self) -> None:
        chance = random.Random(SEED)
        deciders: dict[tuple[str, ...], Decider] = {}
        seen = set[bool]()
        for _ in range(CASES):
            born, then = sorted((some_day(chance, 1930, 2024), some_day(chance, 1930, 2024)))
            if chance.random() < 0.3:
                then = min(born + datetime.timedelta(chance.randrange(1500)), datetime.date(2024, 12, 31))
            years, months = birthdays(born, then)
            days = (then - born).days
            whole = {"Y": years, "M": months, "W": days // 7, "D": days}
            operation = chance.choice(OPERATIONS)
            units = [unit for unit in "YMWD" if whole[unit] < 9990]
            chosen = [chance.choice(units)] * 2 if operation == "BETWEEN" else [chance.choice(units) for _ in range(2)]
            numbers = [max(whole[unit] + chance.choice([-1, 0, 0, 1]), 0) for unit in chosen]
            if operation == "BETWEEN":
                numbers.sort()
            is_list = operation in {"IN", "NOT_IN", "BETWEEN"}
            count = 2 if is_list else 1
            references = [f"{number:03}{unit}" for number, unit in zip(numbers, chosen, strict=True)][:count]
            decider = deciders.get((operation, *references))
            if decider is None:
                asked = {
                    "measure": "AGE",
                    "operation": operation,
                    "reference": references if is_list else references[0],
                }
                decider = deciders[operation, *references] = Decider(compile_criteria(load_criteria([asked])))

            [found] = decider.decide({BIRTH: (f"{born:%Y%m%d}",), STUDY: (f"{then:%Y%m%d}",)}, None).findings

            expected = is_met(operation, [whole[unit] for unit in chosen[:count]], numbers[:count])
            assert found.value == ("MET" if expected else "NOT_MET"), (born, then, operation, references)
            seen.add(expected)
        assert seen == {True, False}

    @pytest.mark.parametrize(
        ("born", "then", "years"),
        [
            ("20040229", "20220228", 17),
            ("20040229", "20220301", 18),
            ("20040229", "20240228", 19),
            ("20040229", "20240229", 20),
            ("20040731", "20220731", 18),
        ],
    )
    def test_of_someone_born_on_a_leap_day_grows_behind_the_end_of_february(
        self, born: str, then: str, years: int
    ) -> None:
        header = {BIRTH: (born,), STUDY: (then,)}

        assert [finding(header, "EQUALS", f"{number:03}Y") for number in (years - 1, years, years + 1)] == [
            "NOT_MET",
            "MET",
            "NOT_MET",
        ]

    def test_is_patients_age_where_that_has_a_value(self) -> None:
        dates = {BIRTH: ("19500101",), STUDY: ("20220101",)}

        assert finding({**dates, AGE: ("017Y",)}) == "NOT_MET"
        assert finding({**dates, AGE: ("old",)}) == "MALFORMED"
        assert finding({**dates, AGE: ("",)}) == finding({**dates, AGE: ()}) == finding(dates) == "MET"

    def test_is_told_by_study_else_series_else_acquisition_date(self) -> None:
        header: dict[str, tuple[str, ...]] = {AGE: (), BIRTH: ("20000101",)}
        days = {ACQUISITION: "20170101", SERIES: "20180101", STUDY: "20190101"}
        words = ("Acquisition Date", "Series Date", "Study Date")

        for years, (key, day), word in zip((17, 18, 19), days.items(), words, strict=True):
            header[key] = (day,)
            assert finding(header, "EQUALS", f"{years:03}Y") == "MET"
            assert describe_way(header) == f"from Birth Date to {word}"
        header[STUDY] = ("  ",)
        assert finding(header, "EQUALS", "018Y") == "MET"
        header[AGE] = ("045Y",)
        assert describe_way(header) == "Patient's Age"

    @pytest.mark.parametrize(
        ("header", "found"),
        [
            ({}, "ABSENT"),
            ({STUDY: ("20220101",)}, "ABSENT"),
            ({BIRTH: ("20000101",)}, "ABSENT"),
            ({BIRTH: ("",), STUDY: ("20220101",)}, "ABSENT"),
            ({AGE: ("",)}, "EMPTY"),
            ({BIRTH: ("2000",), STUDY: ("20220101",)}, "MALFORMED"),
            ({BIRTH: ("20000101",), STUDY: ("soon",), SERIES: ("20220101",)}, "MALFORMED"),
            ({BIRTH: ("20220102",), STUDY: ("20220101",)}, "MALFORMED"),
        ],
    )
    @pytest.mark.parametrize("operation", ["AT_LEAST", "LESS"])
    def test_that_cannot_be_told_is_undecided(self, header: Header, found: str, operation: str) -> None:
        assert finding(header, operation) == found
        told = "MET" if found in {"ABSENT", "EMPTY"} else found
        assert finding(header, operation, if_absent="MET") == told

    def test_is_present_where_dates_tell_it(self) -> None:
        header = {BIRTH: ("20000101",), STUDY: ("20220101",)}

        assert [finding(header, operation, None) for operation in ("PRESENT", "ABSENT")] == ["MET", "NOT_MET"]
        assert [finding({}, operation, None) for operation in ("PRESENT", "ABSENT")] == ["NOT_MET", "MET"]

    @pytest.mark.parametrize(
        ("header", "unreadable_from", "found"),
        [
            ({}, "00101010", "UNREACHED"),
            ({AGE: (), SERIES: ("20220101",), BIRTH: ("19500101",)}, STUDY, "UNREACHED"),
            ({AGE: (), STUDY: ("20220101",)}, BIRTH, "UNREACHED"),
            ({AGE: ("045Y",)}, STUDY, "MET"),
            ({AGE: (), BIRTH: ("19500101",), STUDY: ("20220101",)}, SERIES, "MET"),
            ({BIRTH: ("19500101",), STUDY: ("20220101",)}, "00180000", "MET"),
        ],
    )
    def test_is_not_told_by_what_another_date_might_contradict(
        self, header: Header, unreadable_from: str, found: str
    ) -> None:
        asked = load_criteria([{"measure": "AGE", "operation": "AT_LEAST", "reference": "018Y"}])

        assert Decider(compile_criteria(asked)).decide(header, unreadable_from).findings == (found,)
