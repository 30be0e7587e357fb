"""What all pages need: the ledger, Prefect, who is signed in, and counts that stay in memory."""

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock

from dicom_sieve.ledger import Ledger
from dicom_sieve.ledger.reading.snapshots import last_snapshot
from dicom_sieve.objects import Location
from dicom_sieve.reports.count_at_once import CountsAtOnce
from dicom_sieve.settings import Settings
from dicom_sieve.web.compared import Comparisons
from dicom_sieve.web.drawn import Pictures
from dicom_sieve.web.of_run import RunsKept
from dicom_sieve.web.people import Proxy, Sessions
from dicom_sieve.web.prefect_api import PrefectApi
from dicom_sieve.web.texts import Languages

MOST_PLACES = 2
"""Of which counts stay in memory at the same time."""


@dataclass(slots=True)
class Context:
    """What all pages need.

    Attributes:
        ledger: Where everything is.
        prefect: Where runs are started.
        sessions: Who is signed in.
        proxy: Who else may say who someone is.
        settings: Of the deployment.
        comparisons: That were worked out last.
        runs: What was worked out of runs.
        pictures: That were drawn.
        languages: In which pages are there.
    """

    ledger: Ledger
    prefect: PrefectApi
    sessions: Sessions
    proxy: Proxy
    settings: Settings
    comparisons: Comparisons = field(default_factory=Comparisons)
    runs: RunsKept = field(default_factory=RunsKept)
    pictures: Pictures = field(default_factory=Pictures)
    languages: Languages = field(default_factory=Languages)
    _counts: "OrderedDict[Location, CountsAtOnce]" = field(default_factory=OrderedDict)
    _left: list[CountsAtOnce] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def counts(self, place: Location) -> CountsAtOnce:
        """Give what counts on a location, as it was listed last.

        Raises:
            LedgerError: It was never listed to the end.
        """
        snapshot = last_snapshot(self.ledger.engine, place)
        with self._lock:
            known = self._counts.get(place)
            if known is None or known.snapshot.id != snapshot.id:
                if known is not None:
                    self._left.append(known)
                known = self._counts[place] = CountsAtOnce(self.ledger, snapshot)
            self._counts.move_to_end(place)
            while len(self._counts) > MOST_PLACES:
                self._left.append(self._counts.popitem(last=False)[1])
            self._left = [counts for counts in self._left if counts.end()]
            return known

    def close(self) -> None:
        """Wait for what goes on behind pages: a connection that a thread still uses would outlive its ledger."""
        self.pictures.close()
        self.runs.close()
        with self._lock:
            counts = [*self._counts.values(), *self._left]
            for each in counts:
                each.end()
            for each in counts:
                each.close()
