"""The settings: each bad one named, none of them quoted."""

from pathlib import Path

import pytest

from dicom_sieve.errors import SettingsError
from dicom_sieve.settings import find_unknown, load_settings
from tests.cli.command import run_command


def test_without_settings_the_ledger_lies_in_the_home_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")

    settings = load_settings()

    assert settings.database_url.get_secret_value() == "sqlite:////home/someone/.dicom-sieve/ledger.db"
    assert (settings.shard_objects, settings.reads_in_flight) == (1_000, 32)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DICOM_SIEVE_SHARD_OBJECTS", "7")
    monkeypatch.setenv("DICOM_SIEVE_DATABASE_URL", f"sqlite:///{tmp_path}/l.db")

    settings = load_settings()

    assert settings.shard_objects == 7
    assert str(tmp_path) not in repr(settings)


def test_what_is_kept_in_clear_is_named_by_keywords(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().in_clear == frozenset()

    monkeypatch.setenv("DICOM_SIEVE_KEEP_IN_CLEAR", "AccessionNumber, StudyID")

    assert load_settings().in_clear == {0x00080050, 0x00200010}


@pytest.mark.parametrize("value", ["PatientName", "Modality", "secret", "StudyID;PatientID", "OtherPatientIDsSequence"])
def test_names_and_what_is_no_digest_cannot_be_kept_in_clear(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("DICOM_SIEVE_KEEP_IN_CLEAR", value)

    with pytest.raises(SettingsError, match=r"^DICOM_SIEVE_KEEP_IN_CLEAR: .*never of names$") as caught:
        load_settings()

    assert value not in str(caught.value)


@pytest.mark.parametrize("value", ["many-secret", "", "0", "-1", "1.5", "100000000000"])
def test_a_bad_one_is_named_and_not_quoted(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("DICOM_SIEVE_SHARD_OBJECTS", value)

    with pytest.raises(SettingsError) as caught:
        load_settings()

    text = str(caught.value)
    assert text.startswith("DICOM_SIEVE_SHARD_OBJECTS: ")
    assert "secret" not in text
    assert "\n" not in text


def test_all_bad_ones_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SHARDS_IN_FLIGHT", "FIRST_READ_BYTES", "HEADER_LIMIT_BYTES"):
        monkeypatch.setenv(f"DICOM_SIEVE_{name}", "s3cr3t")

    with pytest.raises(SettingsError) as caught:
        load_settings()

    lines = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "DICOM_SIEVE_SHARDS_IN_FLIGHT",
        "DICOM_SIEVE_FIRST_READ_BYTES",
        "DICOM_SIEVE_HEADER_LIMIT_BYTES",
    ]
    assert "s3cr3t" not in str(caught.value)
    assert caught.value.__cause__ is None


class TestUnknownNames:
    def test_unknown_names_are_told_with_the_nearest_known_one_and_without_their_values(self) -> None:
        given = {"DICOM_SIEVE_SHARD_OBJECT": "s3cr3t", "DICOM_SIEVE_DATABSE_URL": "s3cr3t", "dicom_sieve_zzz": "s3cr3t"}

        assert find_unknown(given) == [
            "DICOM_SIEVE_DATABSE_URL is no setting, and not used; is DICOM_SIEVE_DATABASE_URL meant?",
            "DICOM_SIEVE_SHARD_OBJECT is no setting, and not used; is DICOM_SIEVE_SHARD_OBJECTS meant?",
            "dicom_sieve_zzz is no setting, and not used; docs/settings.md lists all settings",
        ]

    def test_known_ones_are_not_told_in_any_case_nor_are_those_of_others(self) -> None:
        given = ("DICOM_SIEVE_ANCHOR", "dicom_sieve_Shard_Objects", "DICOM_SIEVE_REQUIRE_REAL", "PREFECT_HOME", "HOME")

        assert find_unknown(dict.fromkeys(given, "1")) == []

    def test_the_command_says_it_once_beside_its_output(self, tmp_path: Path) -> None:
        done = run_command("runs", "--json", home=tmp_path, DICOM_SIEVE_SHARD_OBJECT="7")

        assert done.stdout == "[]\n"
        assert done.stderr == (
            "dicom-sieve: DICOM_SIEVE_SHARD_OBJECT is no setting, and not used; is DICOM_SIEVE_SHARD_OBJECTS meant?\n"
        )
