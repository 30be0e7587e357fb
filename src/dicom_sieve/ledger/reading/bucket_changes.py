"""What changed in a bucket between two listings, object by object."""

from dataclasses import dataclass

import sqlalchemy as sa

from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.database.tables import object_
from dicom_sieve.ledger.reading.snapshots import Snapshot, is_in_snapshot


@dataclass(frozen=True, slots=True)
class BucketChanges:
    """How many objects differ between two listings of one location.

    Attributes:
        added: That the second holds alone.
        removed: That the first holds alone.
        changed: That both hold, with other bytes.
        read_again: That both hold with the same bytes, and that were read again between them: for more attributes, or
            because they had other bytes meanwhile.
    """

    added: int = 0
    removed: int = 0
    changed: int = 0
    read_again: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether both hold the same."""
        return not (self.added or self.removed or self.changed or self.read_again)


def bucket_changes(engine: sa.Engine, first: Snapshot, second: Snapshot) -> BucketChanges:
    """Tell how many objects differ between two listings of one location.

    Args:
        engine: The ledger's.
        first: One listing.
        second: The other; it may be the earlier one.
    """
    if first.id == second.id:
        return BucketChanges()
    if first.id > second.id:
        turned = bucket_changes(engine, second, first)
        return BucketChanges(turned.removed, turned.added, turned.changed, turned.read_again)
    columns = (object_.c.key, object_.c.etag)
    held_by_first = is_in_snapshot(first.id, first.location_id)
    was_closed = object_.c.removed_in.is_not(None) & (object_.c.removed_in <= second.id)
    went = sa.select(*columns).where(held_by_first, was_closed).subquery("went")
    is_new = object_.c.added_in > first.id
    came = sa.select(*columns).where(is_in_snapshot(second.id, second.location_id), is_new).subquery("came")
    is_same = sa.case((went.c.etag == came.c.etag, 1), else_=0)
    of_both = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(is_same), 0)).select_from(
        went.join(came, went.c.key == came.c.key)
    )

    def count(connection: sa.Connection) -> tuple[int, int, int, int]:
        gone = int(connection.scalar(sa.select(sa.func.count()).select_from(went)) or 0)
        new = int(connection.scalar(sa.select(sa.func.count()).select_from(came)) or 0)
        both, same = connection.execute(of_both).one()
        return gone, new, int(both), int(same)

    gone, new, both, same = read(engine, count)
    return BucketChanges(new - both, gone - both, both - same, same)
