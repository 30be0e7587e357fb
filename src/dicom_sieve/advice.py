"""What to do about an answer of a store, by its code: where a location cannot be listed, and of what could not be read.

One table for the flow, the command and the report. A code is S3's, or one of ours for what is no answer of S3's.
"""

from collections import Counter
from collections.abc import Mapping

from dicom_sieve.objects import DIRECTORY_ENDPOINT, Location

ANOTHER_ETAG = "the ETag differs from the one that was listed"
CHANGED = "it changed again and again while it was read"
NOT_ASKED = "not asked for: the store was down"
OTHER_CAUSES = "other causes"
MOST_CAUSES, MOST_CODES = 20, 1_000
"""That are told apart, and counted apart."""
_NO_S3 = "the answer is not S3's: check the endpoint, and what stands before it"
_TEMPORARY = (
    "temporary keys need their session token, too: in a block (aws_session_token), or by AWS's default chain "
    "(AWS_SESSION_TOKEN)"
)
_REACH = "check the endpoint and that it can be reached from here"
_AWAY = "a proxy before the S3 server answers: the server itself is away, or too slow"
_BUSY = "the server is busy: lower DICOM_SIEVE_SHARDS_IN_FLIGHT and DICOM_SIEVE_READS_IN_FLIGHT"
_REGION = "the bucket is in another region"

ADVICE = {
    "NoSuchBucket": "check the name of the bucket",
    "NoSuchKey": "the endpoint takes the bucket's name for a key: where the endpoint names a bucket, leave that out",
    "ParamValidationError": "check the name of the bucket",
    "AccessDenied": "the credentials lack a right: s3:ListBucket to list, s3:GetObject to read, s3:PutObject to write; "
    "where the requester pays, say so: requester_pays, --requester-pays",
    "InvalidAccessKeyId": f"the server does not know the key id; {_TEMPORARY}",
    "InvalidToken": f"the session token is missing, or another's; {_TEMPORARY}",
    "SignatureDoesNotMatch": "check the access key and the region",
    "ExpiredToken": "the credentials have expired: give new ones",
    "RequestTimeTooSkewed": "set this machine's clock",
    "403": "check the credentials and their rights",
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "NoCredentialsError": "give credentials as key_id:access_key, a block, or by AWS's default chain; for a public "
    "bucket none are needed: anonymous, --anonymous",
    "PartialCredentialsError": "AWS's default chain found a key id without its access key, or the reverse",
    "ProfileNotFound": "AWS_PROFILE names a profile that this machine does not have",
    "InvalidRegionError": "AWS has no such region; give the endpoint of a server that has",
    "NoRegionError": "give a region",
    "MalformedListingError": "the answer is no S3 listing: check the endpoint",
    "NoEtagError": "the server lists no ETag, which is needed: objects are known by key and ETag",
    "ResponseParserError": _NO_S3,
    "400": _NO_S3,
    "500": _NO_S3,
    "502": _AWAY,
    "503": "the server, or a proxy before it, is away or busy",
    "504": _AWAY,
    "Redirect": "redirects are not followed: give the address of the S3 server itself",
    "WebPage": "the answer is a web page, not S3's: is this the port of a console, or of a proxy? give the address of "
    "the S3 server itself",
    "HttpsExpected": "the endpoint speaks https: give it as https://",
    "NoTls": "the endpoint does not speak https: give it as http://, or another port",
    "CertificateNotTrusted": "the endpoint's certificate is of no authority that is trusted: name the file of its "
    "authority in DICOM_SIEVE_CA_BUNDLE",
    "CertificateOfAnotherHost": "the endpoint's certificate is of another host: give the endpoint by the name that the "
    "certificate has",
    "CertificateExpired": "the endpoint's certificate has expired, or is not valid yet: renew it, and check this "
    "machine's clock",
    "SSLError": "the endpoint ends the TLS connection: check whether it speaks https",
    "ValueError": "check the endpoint",
    "HTTPClientError": "check the key id and the region for characters that no request can carry",
    "EndpointConnectionError": _REACH,
    "ConnectTimeoutError": _REACH,
    "ConnectionClosedError": "connections to the server break: look at what lies between",
    "ReadTimeoutError": "the server is slow: raise DICOM_SIEVE_REQUEST_TIMEOUT_SECONDS, or read less at once",
    "SlowDown": _BUSY,
    "HTTP 401": "check the credentials",
    "HTTP 403": "check the credentials and their rights",
    "HTTP 404": "there are no DICOMweb services at this URL: check its path",
    "the answer is no DICOM JSON": "there are no DICOMweb services at this URL: check its path",
    "HTTP 429": _BUSY,
    "HTTP 500": "the server fails: look into its log",
    "HTTP 502": _AWAY,
    "HTTP 503": _BUSY,
    "HTTP 504": _AWAY,
    "NoGoogleCredentials": "this machine has none of Google's: give the JSON of a service account's key, set "
    "GOOGLE_APPLICATION_CREDENTIALS, or run 'gcloud auth application-default login'; for a public bucket none are "
    "needed: anonymous, --anonymous",
    "GoogleCredentialsUnreadable": "the file of GOOGLE_APPLICATION_CREDENTIALS, or gcloud's, is not the JSON of a "
    "service account's key or of a user's login",
    "NoAzureCredentials": "this machine has none of Azure's: give an account's key or a SAS, or set "
    "AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_KEY; for a public container none are needed: anonymous, --anonymous",
    "AzureCredentialsUnreadable": "the file of AZURE_FEDERATED_TOKEN_FILE cannot be read",
    "TokenRefused": "the credentials are refused where tokens are given out: give valid ones, and check this machine's "
    "clock",
    "TokenFault": "the server that gives tokens out does not answer, or not as one does",
    "forbidden": "the credentials lack a right: storage.objects.list to list, storage.objects.get to read, "
    "storage.objects.create to write",
    "required": "the bucket is not public: give credentials",
    "authError": "the credentials are not accepted, or have expired: give new ones",
    "ContainerNotFound": "check the names of account and container",
    "ResourceNotFound": "check the names of account and container; a container that is not public is not there for who "
    "is anonymous",
    "PublicAccessNotPermitted": "the account gives nothing without credentials: give some",
    "AuthenticationFailed": "check the account's key or the SAS: is it of this account, has it expired? and this "
    "machine's clock",
    "AuthorizationFailure": "the account's network rules, or the SAS, refuse this machine",
    "AuthorizationPermissionMismatch": "the credentials lack a right: to list and read Storage Blob Data Reader, to "
    "write Storage Blob Data Contributor; of a SAS rl, and cw",
    "MalformedAnswerError": "the answer is not that of the store's API: check the endpoint",
    ANOTHER_ETAG: "something between changes ETags or objects, as a proxy: ask the S3 server itself",
    CHANGED: "let what writes there end",
    NOT_ASKED: "see that the server is up",
}


def advise_cause(cause: str) -> str:
    """Say what to do about objects that could not be read; may be empty.

    Args:
        cause: As a `TransportError` has it: a code, perhaps with an HTTP status behind it in brackets.
    """
    return ADVICE.get(cause.partition(" (")[0], "")


def kind_of_cause(cause: str) -> str:
    """Give the kind of a cause: one of a bounded number, whatever a server calls its faults.

    Examples:
        >>> kind_of_cause("SlowDown (HTTP 503)"), kind_of_cause("Of its own (HTTP 500)")
        ('SlowDown', 'other causes')
    """
    kind = cause.partition(" (")[0]
    return kind if kind in ADVICE else OTHER_CAUSES


def count_cause(causes: Counter[str], cause: str) -> None:
    """Count why one object could not be read; codes are a server's own, and may be new each time."""
    causes[cause if cause in causes or len(causes) < MOST_CODES else OTHER_CAUSES] += 1


def told_causes(causes: Mapping[str, int], unread: int) -> dict[str, int]:
    """Give why objects could not be read, and how many of each, the most frequent first.

    Args:
        causes: Of the objects that were asked for.
        unread: How many objects there are in all; those without a cause were not asked for.
    """
    counts = Counter(causes)
    if (rest := unread - counts.total()) > 0:
        counts[NOT_ASKED] += rest
    ordered = sorted(counts.items(), key=lambda item: (item[0] == OTHER_CAUSES, -item[1], item[0]))
    named = dict(ordered[:MOST_CAUSES])
    if other := sum(number for _, number in ordered[MOST_CAUSES:]):
        named[OTHER_CAUSES] = other
    return named


def describe_causes(causes: Mapping[str, int]) -> str:
    """Say why objects could not be read, how often, and what to do about the most frequent cause; may be empty.

    Examples:
        >>> describe_causes({"ExpiredToken (HTTP 400)": 3, "ReadTimeoutError": 1})
        '3 ExpiredToken (HTTP 400), 1 ReadTimeoutError; the credentials have expired: give new ones'
    """
    counted = ", ".join(f"{number:,} {cause}" for cause, number in causes.items())
    own = {cause: number for cause, number in causes.items() if cause not in {NOT_ASKED, OTHER_CAUSES}} or causes
    advice = advise_cause(max(own, key=lambda cause: own[cause], default=""))
    return f"{counted}; {advice}" if advice else counted


def describe_nothing_listed(location: Location) -> str:
    """Say what may be wrong with a location in which nothing is listed. The prefix is not repeated."""
    prefix = location.prefix
    if location.endpoint == DIRECTORY_ENDPOINT:
        return "nothing is listed: the directory holds no file"
    if not prefix:
        return "nothing is listed: the bucket is empty"
    if "://" in prefix:
        advice = "it is a whole address: give only what follows the bucket"
    elif prefix.startswith("/"):
        advice = "it begins with a slash, which keys rarely do: leave that out"
    elif set(prefix) & set("*?[]{}"):
        advice = "it looks like a pattern, and is taken letter by letter: give only the beginning of the keys"
    elif "\\" in prefix:
        advice = "it has a backslash: folders end in /"
    elif "%" in prefix:
        advice = "it looks percent-encoded, and is taken letter by letter: write the characters themselves"
    elif prefix != prefix.strip():
        advice = "it begins or ends with a space"
    else:
        advice = "check its spelling; capital and small letters differ"
    return f"nothing is listed: no key begins with the prefix; {advice}"
