"""The words of every error, and that they survive the way from another process."""

import inspect
import pickle

import pytest

from dicom_sieve import errors
from dicom_sieve.dicom.vr import DA
from dicom_sieve.stores import interface

WORDS = {
    errors.MalformedValueError(DA.code): "the value does not conform to VR DA",
    errors.InvalidRequestError(("criteria: empty", "bucket: missing")): "criteria: empty\nbucket: missing",
    errors.SettingsError(("DICOM_SIEVE_X: too small", "DICOM_SIEVE_Y: too large")): (
        "DICOM_SIEVE_X: too small\nDICOM_SIEVE_Y: too large"
    ),
    errors.DamagedChunkError(250): (
        "a chunk of 250 rows in the ledger is damaged: run 'dicom-sieve verify' to see what else is"
    ),
    errors.SavedElsewhereError("thin", 4): "criteria 'thin': version 4 was saved elsewhere",
    errors.StoreError("list", "s3://b/", "no such bucket"): "cannot list s3://b/: no such bucket",
    errors.StoreError("write", "s3://b/k", "access denied", "grant s3:PutObject"): (
        "cannot write s3://b/k: access denied; grant s3:PutObject"
    ),
    errors.ListingOrderError("s3://b/"): (
        "s3://b/ lists its keys out of order; expected: the order of their UTF-8 bytes, "
        "as S3 general purpose buckets list"
    ),
    errors.NothingReadableError("s3://b/", 1234): (
        "s3://b/: not one object can be read (1,234 refused): these credentials may list but not read; "
        "needed: s3:GetObject on the location; in archives, what is not encrypted"
    ),
    errors.RefusedError("a slice is missing"): "a slice is missing",
    errors.ComputationError("enter a series before using it"): "enter a series before using it",
    errors.IncompleteRunError("r1", 3, 12345): (
        "run r1 is INCOMPLETE: 3 of 12,345 objects could not be read after all attempts; "
        "they are named by 'dicom-sieve show r1'. Start another run: it reads only what is missing"
    ),
    errors.AlreadyPublishedError("s3://b/manifest.json"): (
        "s3://b/manifest.json exists already and is never overwritten; a new run publishes under its own id"
    ),
    errors.UnknownPlaceError(7): "the ledger holds no location of the number 7",
    errors.LedgerError("the ledger is of a later version"): "the ledger is of a later version",
    errors.LedgerAwayError("postgresql://h/d"): "the ledger cannot be reached: postgresql://h/d",
    errors.MachineError("the disk is full: make room"): "the disk is full: make room",
    errors.LeaseLostError("s3://b/", 60.0): (
        "this run's lease of s3://b/ has ended: its process was stopped, or could not reach the ledger, for 60 s; "
        "it writes nothing more. Start another run: it reads only what is missing"
    ),
    errors.LeaseLostError("s3://b/", 60.0, has_clock_jumped=True): (
        "this run's lease of s3://b/ was taken by another run, because the clock of this machine was set by more than "
        "it lasts; it writes nothing more. Start another run: it reads only what is missing"
    ),
    errors.LedgerAwayError("postgresql://h/d", 60.0): (
        "the ledger could not be reached for 60 s: postgresql://h/d; "
        "start it, then start another run: it reads only what is missing"
    ),
    errors.UnknownRunError("r1"): "no run 'r1' in this ledger; 'dicom-sieve runs' lists them",
    errors.UnknownCriteriaError("thin", None, 0): (
        "no criteria 'thin' in this ledger; 'dicom-sieve criteria list' lists them"
    ),
    errors.UnknownCriteriaError("thin", 3, 0, "thin-ct"): (
        "no criteria 'thin' in this ledger, perhaps 'thin-ct'; 'dicom-sieve criteria list' lists them"
    ),
    errors.UnknownCriteriaError("thin", 3, 2): "criteria 'thin' have no version 3 in this ledger; accepted: 1 to 2",
    errors.NothingToReportError("r1", "FAILED"): (
        "run r1 is FAILED: there is no report of it; accepted: COMPLETED, INCOMPLETE"
    ),
    errors.NoServerError("none is named"): (
        "no Prefect server: none is named; accepted: PREFECT_API_URL, as http://prefect.example.org:4200/api"
    ),
    errors.SpentCredentialsError("input_s3_parameters"): (
        "input_s3_parameters.credentials were removed from this run when it first started: trigger a new run, "
        "or pass a reference to an AwsCredentials block, which can be started again"
    ),
    errors.WorkersError("Ray did not bring shard 3 home", "start another run"): (
        "Ray did not bring shard 3 home; start another run"
    ),
    interface.ObjectChangedError(): "the object has changed since it was listed",
    interface.ObjectGoneError(): "the object is gone",
    interface.ReadRefusedError("AccessDenied"): "the store refuses the object: AccessDenied",
    interface.DamagedObjectError("the CRC differs"): "the object is damaged: the CRC differs",
    interface.BeyondLimitError("the archive has too much in it"): (
        "the object exceeds a limit: the archive has too much in it"
    ),
    interface.UnwritableKeyError(): "no object of that key can be written there: it is too long, or no path",
    interface.TransportError("SlowDown"): "the object could not be read: SlowDown",
    interface.NotSentError("NoCredentialsError"): "the object could not be read: NoCredentialsError",
    interface.SlowDownError("SlowDown"): "the object could not be read: SlowDown",
}
each_error = pytest.mark.parametrize("error", WORDS, ids=lambda error: type(error).__name__)


@each_error
def test_each_error_says_these_words(error: errors.DicomSieveError) -> None:
    assert str(error) == WORDS[error]


@each_error
def test_each_error_survives_pickling(error: errors.DicomSieveError) -> None:
    copy = pickle.loads(pickle.dumps(error))

    assert type(copy) is type(error)
    assert (str(copy), copy.args, vars(copy)) == (str(error), error.args, vars(error))


def test_no_error_is_left_out() -> None:
    classes = {
        error
        for module in (errors, interface)
        for _, error in inspect.getmembers(module, inspect.isclass)
        if issubclass(error, errors.DicomSieveError)
    }

    assert classes - {errors.DicomSieveError} == {type(error) for error in WORDS}


def test_bad_values_are_value_errors_and_unknown_runs_lookup_errors() -> None:
    assert issubclass(errors.MalformedValueError, ValueError)
    assert issubclass(errors.InvalidRequestError, ValueError)
    assert issubclass(errors.UnknownRunError, LookupError)
