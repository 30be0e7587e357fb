"""A PACS that fails, lies or attacks: nothing it answers becomes a verdict, and nothing it says is repeated."""

import gzip
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.errors import DicomSieveError, IncompleteRunError, StoreError
from dicom_sieve.objects import ObjectInfo
from dicom_sieve.stores.dicomweb import session
from dicom_sieve.stores.interface import ObjectGoneError, TransportError
from dicom_sieve.stores.retries import Retries
from tests.screening.screenings import screen_ct, verdicts
from tests.support.builders import make_instance
from tests.support.plain_pacs import JSON, PlainPacs, Reply, run_plain_pacs

SAID = b"said-by-the-server"
KEY = "studies/1.2.3/series/1.2.3.4/instances/1.5"
INSTANCE = make_instance(SOPInstanceUID="1.5", Modality="CT")


@pytest.fixture
def filled(plain: PlainPacs) -> PlainPacs:
    """A PACS with one instance."""
    plain.put(INSTANCE)
    return plain


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger: which database keeps it does not matter here."""
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as opened:
        yield opened


def answers(reply: Reply, *, where: str = "", times: int = 1_000) -> Callable[[str], Reply | None]:
    """Answer so to paths that end so, some times."""
    left = [times]

    def spoil(path: str) -> Reply | None:
        if path.partition("?")[0].endswith(where) and left[0]:
            left[0] -= 1
            return reply
        return None

    return spoil


BAD = {
    "a web page": Reply(kind="text/html", body=b"<html>" + SAID),
    "no JSON": Reply(body=SAID),
    "no list": Reply(body=json.dumps("said-by-the-server").encode()),
    "no data sets": Reply(body=b'["said-by-the-server"]'),
    "no UID": Reply(body=b'[{"00080060": {"vr": "CS", "Value": ["said-by-the-server"]}}]'),
    "a UID that leads elsewhere": Reply(body=b'[{"0020000D": {"vr": "UI", "Value": [".."]}}]'),
    "a member twice": Reply(body=b'[{"0020000D": {"vr": "UI"}, "0020000D": {"vr": "UI"}}]'),
    "no end of brackets": Reply(body=b"[" * 200_000),
    "refused": Reply(403, "text/plain", SAID),
    "credentials refused": Reply(401, "text/plain", SAID),
    "no services": Reply(404, "text/plain", SAID),
    "an error": Reply(500, "text/plain", SAID),
    "elsewhere": Reply(302, "text/plain", SAID, {"Location": "http://127.0.0.1:1/said-by-the-server"}),
    "in a circle": Reply(307, "text/plain", SAID, {"Location": "/pacs/rs/studies"}),
    "cut": Reply(body=b"[]", announced=500),
    "no answer": Reply(0),
    "no gzip": Reply(body=SAID, headers={"Content-Encoding": "gzip"}),
    "too much": Reply(body=b"[" + b" " * 3_000_000 + b"]"),
    "too much, packed": Reply(body=gzip.compress(b" " * 50_000_000), headers={"Content-Encoding": "gzip"}),
}


@pytest.fixture(autouse=True)
def _little_is_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "LARGEST_ANSWER", 1_000_000)


class TestListing:
    @pytest.mark.parametrize("case", BAD)
    def test_a_bad_answer_ends_the_listing_with_a_cause(self, filled: PlainPacs, case: str) -> None:
        filled.spoil = answers(BAD[case], where="/studies")

        with pytest.raises(StoreError) as failed:
            list(filled.store().list())

        assert SAID.decode() not in str(failed.value)
        assert str(failed.value).startswith("cannot list dicomweb+http://127.0.0.1:")

    @pytest.mark.parametrize("status", [0, 408, 429, 500, 503, 504])
    def test_what_passes_is_asked_again(self, filled: PlainPacs, status: int) -> None:
        filled.spoil = answers(Reply(status, "text/plain"), where="/instances", times=3)

        assert [info.key for info in filled.store().list()] == [KEY]

    def test_an_answer_that_drips_is_not_waited_for(self, filled: PlainPacs) -> None:
        filled.spoil = answers(Reply(body=b"[" + b" " * 10_000 + b"]", drip_seconds=0.05), where="/studies")
        soon = Retries(read_deadline_seconds=0.5, read_attempts=2, first_pause_seconds=0.0)

        begun = time.monotonic()
        with pytest.raises(StoreError, match="ReadTimeoutError"):
            list(filled.store(retries=soon).list())
        assert time.monotonic() - begun < 20

    def test_a_study_that_was_deleted_meanwhile_holds_nothing(self, filled: PlainPacs) -> None:
        filled.spoil = answers(Reply(404, "text/plain"), where="/series")

        assert list(filled.store().list()) == []

    def test_credentials_go_to_no_other_place(self, filled: PlainPacs) -> None:
        with run_plain_pacs() as other:
            filled.spoil = answers(Reply(302, headers={"Location": f"{other.root}/pacs/rs/studies"}))

            with pytest.raises(StoreError, match="Redirect"):
                list(filled.store(credentials="user:password").list())

            assert other.requests == []
        assert filled.authorizations == {"Basic dXNlcjpwYXNzd29yZA=="}

    def test_credentials_of_a_netrc_are_not_sent(
        self, filled: PlainPacs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
        monkeypatch.setenv("NETRC", str(netrc))

        assert list(filled.store().list())

        assert filled.authorizations == {None}

    def test_a_token_is_sent_as_it_is(self, filled: PlainPacs) -> None:
        assert list(filled.store(credentials="Bearer abc.DEF-123").list())

        assert filled.authorizations == {"Bearer abc.DEF-123"}


class TestMetadata:
    @pytest.mark.parametrize("case", [case for case in BAD if case != "no services"])
    def test_a_bad_answer_is_no_verdict(self, filled: PlainPacs, ledger: Ledger, case: str) -> None:
        filled.spoil = answers(BAD[case], where="/metadata")

        with pytest.raises(IncompleteRunError) as incomplete:
            screen_ct(filled.store(), ledger, "run")

        assert verdicts(ledger, "run") == {KEY: (None, None)}
        assert SAID.decode() not in str(incomplete.value)

    def test_metadata_without_the_instance_is_no_verdict(self, filled: PlainPacs, ledger: Ledger) -> None:
        filled.spoil = answers(Reply(body=b"[]"), where="/metadata")

        with pytest.raises(IncompleteRunError, match="the metadata lacks the instance"):
            screen_ct(filled.store(), ledger, "run")

        assert verdicts(ledger, "run") == {KEY: (None, None)}

    def test_a_series_with_too_much_is_asked_instance_by_instance(
        self, filled: PlainPacs, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        filled.put(make_instance(SOPInstanceUID="1.6", Modality="MR"))
        monkeypatch.setattr(session, "LARGEST_ANSWER", 1_500)

        screen_ct(filled.store(), ledger, "run")

        assert [verdict for verdict, _ in verdicts(ledger, "run").values()] == ["PASSED", "DISCARDED"]

    def test_an_instance_that_is_deleted_meanwhile_is_gone(self, filled: PlainPacs, ledger: Ledger) -> None:
        def delete(path: str) -> None:
            if path.endswith("/metadata"):
                filled.held.clear()

        filled.spoil = delete
        screen_ct(filled.store(), ledger, "run")

        assert verdicts(ledger, "run") == {KEY: ("DISCARDED", "GONE")}

    def test_an_instance_that_is_stored_again_meanwhile_is_judged_as_it_is_now(
        self, filled: PlainPacs, ledger: Ledger
    ) -> None:
        changed = make_instance(SOPInstanceUID="1.5", Modality="MR")

        def change(path: str) -> None:
            if path.endswith("/metadata"):
                filled.put(changed)

        filled.spoil = change
        screen_ct(filled.store(), ledger, "run")

        assert verdicts(ledger, "run") == {KEY: ("DISCARDED", None)}


def message(*parts: bytes, end: bytes = b"\r\n--xX--\r\n", kind: bytes = b"application/dicom") -> Reply:
    """Make a message of several parts."""
    body = b"\r\n".join(b"--xX\r\nContent-Type: " + kind + b"\r\n\r\n" + part for part in parts)
    return Reply(kind="multipart/related; boundary=xX", body=body + end)


class TestInstances:
    @pytest.fixture
    def listed(self, filled: PlainPacs) -> ObjectInfo:
        """The instance, as it is listed."""
        return next(iter(filled.store().list()))

    @pytest.mark.parametrize(
        "reply",
        [
            message(INSTANCE),
            message(INSTANCE, end=b"\r\n--xX--"),
            Reply(kind="application/dicom", body=INSTANCE),
            Reply(kind='multipart/related; type="application/dicom"; boundary="xX"', body=message(INSTANCE).body),
            Reply(kind="multipart/related; boundary=xX", body=b"\r\n" + message(INSTANCE).body),
        ],
    )
    def test_an_instance_comes_as_servers_differ(
        self, filled: PlainPacs, listed: ObjectInfo, reply: Reply, tmp_path: Path
    ) -> None:
        filled.spoil = answers(reply, where="/instances/1.5")

        filled.store().download(listed, tmp_path / "target")

        assert (tmp_path / "target").read_bytes() == INSTANCE

    @pytest.mark.parametrize(
        "reply",
        [
            message(INSTANCE, INSTANCE),
            message(),
            message(INSTANCE, end=b""),
            message(INSTANCE, kind=b"text/html"),
            message(SAID * 20),
            Reply(kind="text/html", body=INSTANCE),
            Reply(kind="multipart/related", body=message(INSTANCE).body),
            Reply(kind="multipart/related; boundary=other", body=b"x" * 200_000),
            Reply(kind="application/dicom", body=INSTANCE[:-1], announced=len(INSTANCE)),
            Reply(kind="application/dicom", body=b""),
            Reply(302, headers={"Location": "/elsewhere"}),
            Reply(401),
            Reply(500),
        ],
    )
    def test_what_is_not_one_instance_is_none(
        self, filled: PlainPacs, listed: ObjectInfo, reply: Reply, tmp_path: Path
    ) -> None:
        filled.spoil = answers(reply, where="/instances/1.5")

        with pytest.raises(TransportError) as failed:
            filled.store().download(listed, tmp_path / "target")
        assert SAID.decode() not in str(failed.value)

    def test_an_attempt_that_was_cut_leaves_nothing(
        self, filled: PlainPacs, listed: ObjectInfo, tmp_path: Path
    ) -> None:
        cut = Reply(kind="application/dicom", body=INSTANCE[:-1], announced=len(INSTANCE))
        filled.spoil = answers(cut, where="/instances/1.5", times=2)

        filled.store().download(listed, tmp_path / "target")

        assert (tmp_path / "target").read_bytes() == INSTANCE

    def test_an_instance_that_is_gone(self, filled: PlainPacs, listed: ObjectInfo, tmp_path: Path) -> None:
        filled.held.clear()

        with pytest.raises(ObjectGoneError):
            filled.store().download(listed, tmp_path / "target")


def test_the_kind_of_an_answer_may_have_parameters(filled: PlainPacs) -> None:
    row = {"0020000D": {"vr": "UI", "Value": ["1.2.3"]}}
    filled.spoil = answers(Reply(kind=f"{JSON}; charset=utf-8", body=json.dumps([row]).encode()), where="/studies")

    assert [info.key for info in filled.store().list()] == [KEY]


def test_errors_are_this_package_s(filled: PlainPacs) -> None:
    filled.spoil = answers(Reply(500))

    with pytest.raises(DicomSieveError):
        filled.store().find(KEY)
