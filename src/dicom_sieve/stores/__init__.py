"""Where objects lie. The only home of S3 clients."""

from dicom_sieve.stores.certificates import UnreadableBundleError, read_bundle
from dicom_sieve.stores.credentials import Anonymous, DefaultChain, GivesSession, StaticCredentials
from dicom_sieve.stores.directory import DirectoryStore
from dicom_sieve.stores.endpoints import EndpointRules, check_bucket, check_endpoint
from dicom_sieve.stores.interface import Lists, Reads, Store, Writes
from dicom_sieve.stores.inventory import Inventory, address_of_manifest
from dicom_sieve.stores.open import open_bucket, open_store
from dicom_sieve.stores.patience import Patience
from dicom_sieve.stores.s3 import S3Store
from dicom_sieve.stores.s3_clients import S3Access

__all__ = [
    "Anonymous",
    "DefaultChain",
    "DirectoryStore",
    "EndpointRules",
    "GivesSession",
    "Inventory",
    "Lists",
    "Patience",
    "Reads",
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
