"""How often is asked, and for how long."""

import time

import pytest

from dicom_sieve.settings import Settings
from dicom_sieve.stores import Retries
from dicom_sieve.stores.retries import LONGEST_PAUSE_SECONDS


class Failing:
    """Fails a number of times, then answers."""

    def __init__(self, times: int) -> None:
        self.left = times
        self.asked = 0

    def __call__(self) -> str:
        self.asked += 1
        self.left -= 1
        if self.left >= 0:
            raise OSError("passing")
        return "answer"


def passing(_: Exception) -> bool:
    return True


class TestPauses:
    def test_double_are_drawn_and_have_a_bound(self) -> None:
        retries = Retries(first_pause_seconds=0.2)

        for attempt, middle in [(0, 0.0), (1, 0.2), (2, 0.4), (3, 0.8), (50, LONGEST_PAUSE_SECONDS)]:
            drawn = [retries.pause(attempt) for _ in range(200)]
            assert 0.5 * middle <= min(drawn) <= max(drawn) <= 1.5 * middle
            assert len(set(drawn)) > 100 or not attempt


class TestRepeating:
    @pytest.mark.parametrize("times", [0, 1, 3])
    def test_repeating_ends_with_the_first_answer(self, times: int) -> None:
        ask = Failing(times)

        assert Retries(read_attempts=4, first_pause_seconds=0.0).repeat(ask, passing) == "answer"
        assert ask.asked == times + 1

    def test_repeating_ends_with_the_last_attempt(self) -> None:
        ask = Failing(4)

        with pytest.raises(OSError, match="passing"):
            Retries(read_attempts=4, first_pause_seconds=0.0).repeat(ask, passing)

        assert ask.asked == 4

    def test_repeating_ends_with_an_error_that_stays(self) -> None:
        ask = Failing(1)

        with pytest.raises(OSError, match="passing"):
            Retries(first_pause_seconds=0.0).repeat(ask, lambda _: False)

        assert ask.asked == 1

    def test_repeating_ends_in_time_however_many_attempts_are_left(self) -> None:
        ask, began = Failing(1_000), time.monotonic()

        with pytest.raises(OSError, match="passing"):
            Retries(read_attempts=1_000, first_pause_seconds=0.02, read_deadline_seconds=0.2).repeat(ask, passing)

        assert 1 < ask.asked < 20
        assert time.monotonic() - began < 1.0


def test_the_settings_of_the_same_names_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DICOM_SIEVE_REQUEST_TIMEOUT_SECONDS", "1.5")
    monkeypatch.setenv("DICOM_SIEVE_READ_ATTEMPTS", "3")
    monkeypatch.setenv("DICOM_SIEVE_SHARDS_IN_FLIGHT", "5")
    monkeypatch.setenv("DICOM_SIEVE_READS_IN_FLIGHT", "7")

    retries = Retries.from_settings(Settings())

    assert retries == Retries(request_timeout_seconds=1.5, read_attempts=3, requests_in_flight=35)


def test_what_is_borne_without_settings_is_what_the_settings_bear() -> None:
    assert Retries.from_settings(Settings()) == Retries()
