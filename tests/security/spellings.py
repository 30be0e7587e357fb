"""Sixty and more ways to write endpoints that are never asked."""

from collections.abc import Mapping, Sequence

METADATA = [
    "http://169.254.169.254",
    "http://169.254.169.254/latest/meta-data",
    "http://169.254.169.254:8080",
    "https://169.254.169.254",
    "HTTP://169.254.169.254",
    "http://169.254.169.254.",
    "http://2852039166",
    "http://2852039166.",
    "http://0xa9fea9fe",
    "http://0XA9FEA9FE",
    "http://025177524776",
    "http://0251.0376.0251.0376",
    "http://0xa9.0xfe.0xa9.0xfe",
    "http://0xa9.254.0251.254",
    "http://169.254.43518",
    "http://169.16689662",
    "http://[::ffff:169.254.169.254]",
    "http://[::ffff:a9fe:a9fe]",
    "http://[0:0:0:0:0:ffff:a9fe:a9fe]",
    "http://[::FFFF:A9FE:A9FE]:80",
    "http://[::169.254.169.254]",
    "http://[::ffff:0:a9fe:a9fe]",
    "http://[64:ff9b::169.254.169.254]",
    "http://[64:ff9b::a9fe:a9fe]",
    "http://[64:ff9b:1::a9fe:a9fe]",
    "http://[2002:a9fe:a9fe::]",
    "http://[2001:0:a9fe:a9fe::1]",
    "http://[2001:db8::5efe:a9fe:a9fe]",
    "http://169.254.170.2",
    "http://[fd00:ec2::254]",
    "http://[fd00:ec2::23]",
    "http://[fd20:ce::254]",
    "http://[fd00:ec2::254%1]:80",
    "http://[fd00:ec2::254%251]:80",
    "http://[fd00:ec2::23%1]",
    "http://[fd20:ce::254%25eth0]",
    "http://100.100.100.200",
    "http://1684301000",
    "http://192.0.0.192",
    "http://168.63.129.16",
]
NO_ADDRESS_OF_A_SERVER = [
    "http://[fe80::1]",
    "http://[fe80::1%25eth0]",
    "http://[fe80::a9fe:a9fe]:9000",
    "http://0",
    "http://00",
    "http://0x0",
    "http://0.0.0.0",
    "http://0.0.0.0:9000",
    "http://[::]",
    "http://[::ffff:0.0.0.0]",
    "http://224.0.0.1",
    "http://239.255.255.250",
    "http://[ff02::1]",
    "http://255.255.255.255",
    "http://4294967295",
    "http://0xffffffff",
    "http://240.0.0.1",
]
READ_IN_TWO_WAYS = [
    "http://１６９.254.169.254",  # noqa: RUF001
    "http://169。254。169。254",
    "http://169｡254｡169｡254",
    "http://①⑥⑨.254.169.254",
    "http://١٦٩.254.169.254",
    "http://169.254.169.254:８０",  # noqa: RUF001
    "http://%31%36%39.254.169.254",
    "http://169%2e254%2e169%2e254",
    "http://s3.example.test@169.254.169.254",
    "http://s3.example.test:80@169.254.169.254",
    "http://s3.example.test%40169.254.169.254",
    "http://169.254.169.254#@s3.example.test",
    "http://169.254.169.254?@s3.example.test",
    "http://169.254.169.254\\@s3.example.test",
    "http://169.254.169.254\t",
    "http://\t169.254.169.254",
    "http://169.254.169.254\n.s3.example.test",
    "http://169.254.169.254:0",
    "http:\\\\169.254.169.254",
    "//169.254.169.254",
    "gopher://169.254.169.254",
]
NAMES: Mapping[str, Sequence[str]] = {
    "metadata.example.test": ["169.254.169.254"],
    "mapped.example.test": ["::ffff:169.254.169.254"],
    "link.example.test": ["fe80::1%2"],
    "zone.example.test": ["fd00:ec2::254%2"],
    "nowhere.example.test": ["0.0.0.0"],
    "two.example.test": ["127.0.0.1", "169.254.169.254"],
    "here.example.test": ["127.0.0.1"],
}
"""Names, and the addresses they have."""
NAMED = [f"http://{name}:9" for name in NAMES if name != "here.example.test"]


def of_own_services(*ports: int) -> list[str]:
    """Write the ports of services of ours, which listen on loopback."""
    hosts = [
        *("127.0.0.1", "localhost", "LOCALHOST", "127.1", "0x7f.1", "2130706433", "017700000001", "127.0.0.2"),
        *("[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "here.example.test", "here.example.test.", "0.0.0.0"),
    ]
    return [f"http://{host}:{port}" for port in ports for host in hosts]


def all_of(*ports: int) -> list[str]:
    """Give every spelling."""
    return [*METADATA, *NO_ADDRESS_OF_A_SERVER, *READ_IN_TWO_WAYS, *NAMED, *of_own_services(*ports)]
