"""What a request's first line asks for: a path, or a whole URL, which a server takes just as well (RFC 9112, 3.2.2)."""


def path_of(target: str) -> str:
    """Give the path of a request's target, with its query."""
    return "/" + target.split("/", 3)[3] if target.startswith("http://") else target
