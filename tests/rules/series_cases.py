"""All rules on whole series, studies and patients."""

from tests.rules import series_cases_1, series_cases_2, series_cases_3, series_cases_4

CASES = {
    **series_cases_1.CASES,
    **series_cases_2.CASES,
    **series_cases_3.CASES,
    **series_cases_4.CASES,
}
