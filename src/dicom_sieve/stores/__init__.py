"""Where objects lie. The only home of S3 clients."""

from dicom_sieve.stores.certificates import UnreadableBundleError, read_bundle
from dicom_sieve.stores.directory import DirectoryStore
from dicom_sieve.stores.endpoints import EndpointRules, check_bucket, check_endpoint
from dicom_sieve.stores.interface import Lists, Reads, Store, Writes
from dicom_sieve.stores.open import open_bucket, open_store
from dicom_sieve.stores.retries import Retries
from dicom_sieve.stores.s3.access import S3Access
from dicom_sieve.stores.s3.credentials import Anonymous, DefaultChain, GivesSession, StaticCredentials
from dicom_sieve.stores.s3.inventory import Inventory, address_of_manifest
from dicom_sieve.stores.s3.store import S3Store

__all__ = [
    "Anonymous",
    "DefaultChain",
    "DirectoryStore",
    "EndpointRules",
    "GivesSession",
    "Inventory",
    "Lists",
    "Reads",
    "Retries",
    "S3Access",
    "S3Store",
    "StaticCredentials",
    "Store",
    "UnreadableBundleError",
    "Writes",
    "address_of_manifest",
    "check_bucket",
    "check_endpoint",
    "open_bucket",
    "open_store",
    "read_bundle",
]
