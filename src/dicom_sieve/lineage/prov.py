"""The provenance of a run's result, and of what was computed on it, as W3C PROV in JSON.

Pure: rows of the ledger in, a document out. It holds criteria and counts, never a key or a value of an attribute; UIDs
and the addresses of results only where series are asked for.

Source:
    The PROV-JSON Serialization, W3C Member Submission of 24 April 2013; PROV-DM.
"""

import datetime
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from dicom_sieve.ledger import ComputationRow, ComputedSeries, RunRow, SeriesRow
from dicom_sieve.ledger.reading.computations import WHOLE_RUN
from dicom_sieve.lineage.names import SOFTWARE, Dataset, name_location, name_results, name_uri

_COUNTS = ("listed", "passed", "discarded", "unread")
_USED_STATES = ("RUNNING", "COMPLETED", "FAILED")
"""States of a series that was computed on; the others were refused, or computed before."""


def describe_provenance(
    run: RunRow,
    computations: Sequence[ComputationRow],
    computed: Sequence[ComputedSeries],
    *,
    series: Iterable[SeriesRow] | None = None,
) -> dict[str, Any]:
    """Describe a run and what was computed on it.

    Args:
        run: The run.
        computations: Computations on this run.
        computed: What became of their series.
        series: The run's series, each named with its results; None leaves them out.

    Returns:
        The document, for `json.dumps`.
    """
    document = _Document()
    _describe_run(document, run)
    if series is not None:
        for row in series:
            if row.passed:
                _describe_series(document, run, row)
    for computation in computations:
        series_of_computation = [
            computed_series for computed_series in computed if computed_series.computation_id == computation.id
        ]
        _describe_computation(document, run, computation, series_of_computation, with_series=series is not None)
    return document.content


@dataclass(frozen=True)
class _Document:
    """A PROV-JSON document: records by kind and name; relations have no names of their own."""

    content: dict[str, dict[str, Any]] = field(default_factory=lambda: {"prefix": {"sieve": f"{SOFTWARE}#"}})

    def add(self, kind: str, name: str, attributes: Mapping[str, Any]) -> None:
        """Add an entity, an activity or an agent; what is None is left out."""
        present = {key: value for key, value in attributes.items() if value is not None}
        self.content.setdefault(kind, {})[name] = present

    def relate(self, kind: str, **roles: str | None) -> None:
        """Add a relation, as ``used(activity=…, entity=…)``."""
        of_kind = self.content.setdefault(kind, {})
        of_kind[f"_:{kind}{len(of_kind) + 1}"] = {f"prov:{key}": value for key, value in roles.items() if value}


def _describe_run(document: _Document, run: RunRow) -> None:
    activity, snapshot, subset = (_name(kind, run.id) for kind in ("run", "snapshot", "subset"))
    software, criteria = _name("software", run.software_version), _name("criteria", run.criteria_digest)
    counts = run.counts or {}
    document.add("agent", software, _agent(f"dicom-sieve {run.software_version}"))
    document.add(
        "entity",
        criteria,
        {
            "prov:type": _qualified("prov:Plan"),
            "prov:value": json.dumps(run.criteria, sort_keys=True),
            "sieve:sha256": run.criteria_digest,
        },
    )
    document.add(
        "activity",
        activity,
        {
            **_times(run.started_at, run.finished_at),
            "prov:type": _qualified("sieve:Screening"),
            "sieve:state": run.state,
            "sieve:damaged": run.damaged,
            "sieve:failure": run.failure,
            "sieve:criteriaName": run.criteria_name,
            "sieve:criteriaVersion": run.criteria_version,
            **{f"sieve:{name}": counts.get(name) for name in _COUNTS},
            "sieve:wholeSeries": counts["series"].get("WHOLE", 0) if counts else None,
        },
    )
    document.relate("wasAssociatedWith", activity=activity, agent=software, plan=criteria)
    if run.listed_at is None:
        return
    location = run.location
    document.add(
        "entity",
        snapshot,
        {
            "prov:type": _qualified("sieve:Snapshot"),
            "prov:location": _address(name_location(location)),
            "sieve:endpoint": run.endpoint,
            "sieve:listedAt": _moment(run.listed_at),
        },
    )
    document.relate("used", activity=activity, entity=snapshot, time=run.listed_at.isoformat())
    if run.counts is None:
        return
    kinds = [_qualified("prov:Collection"), _qualified("sieve:Subset")]
    document.add("entity", subset, {"prov:type": kinds, "sieve:instances": counts["passed"]})
    _derive(document, subset, snapshot, activity, run.finished_at)
    if run.manifest_uri is not None:
        manifest = _name("manifest", run.id)
        document.add(
            "entity",
            manifest,
            {
                "prov:type": _qualified("sieve:Manifest"),
                "prov:location": _address(name_uri(run.manifest_uri)),
                "sieve:sha256": run.manifest_digest,
            },
        )
        _derive(document, manifest, subset, activity, run.finished_at)


def _describe_series(document: _Document, run: RunRow, series: SeriesRow) -> None:
    entity = _name("series", run.id, series.series_instance_uid)
    document.add(
        "entity",
        entity,
        {
            "prov:type": _qualified("sieve:Series"),
            "sieve:seriesInstanceUid": series.series_instance_uid,
            "sieve:studyInstanceUid": series.study_instance_uid,
            "sieve:passed": series.passed,
            "sieve:discarded": series.discarded,
        },
    )
    document.relate("hadMember", collection=_name("subset", run.id), entity=entity)


def _describe_computation(
    document: _Document,
    run: RunRow,
    computation: ComputationRow,
    computed: Sequence[ComputedSeries],
    *,
    with_series: bool,
) -> None:
    activity, results = (_name(kind, run.id, computation.id) for kind in ("computation", "results"))
    code, subset = _name("code", computation.name, computation.version), _name("subset", run.id)
    document.add("agent", code, _agent(f"{computation.name} {computation.version}"))
    document.add(
        "activity",
        activity,
        {
            **_times(computation.started_at, computation.finished_at),
            "prov:type": _qualified("sieve:Computation"),
            "sieve:state": computation.state,
            **{f"sieve:series{state.capitalize()}": number for state, number in sorted(computation.counts.items())},
        },
    )
    document.relate("wasAssociatedWith", activity=activity, agent=code)
    document.relate("wasInformedBy", informed=activity, informant=_name("run", run.id))
    document.relate("used", activity=activity, entity=subset)
    uris = [output.uri for series in computed for output in series.outputs]
    if uris:
        kinds = [_qualified("prov:Collection"), _qualified("sieve:Results")]
        places = [_address(place) for place in name_results(computation.name, uris)]
        document.add("entity", results, {"prov:type": kinds, "prov:location": places, "sieve:results": len(uris)})
        _derive(document, results, subset, activity, computation.finished_at)
    if with_series:
        for series in computed:
            _describe_results(document, activity, results, series)


def _describe_results(document: _Document, activity: str, results: str, computed: ComputedSeries) -> None:
    uid = computed.series_instance_uid
    series = _name("subset", computed.run_id) if uid == WHOLE_RUN else _name("series", computed.run_id, uid)
    if computed.state in _USED_STATES:
        document.relate("used", activity=activity, entity=series)
    for output in computed.outputs:
        entity = _name("result", sha256(output.uri.encode()).hexdigest()[:32])
        document.add(
            "entity",
            entity,
            {
                "prov:type": _qualified("sieve:Result"),
                "prov:location": {"$": output.uri, "type": "xsd:anyURI"},
                "sieve:sha256": output.digest,
                "sieve:sopInstanceUid": output.sop_instance_uid,
            },
        )
        document.relate("hadMember", collection=results, entity=entity)
        _derive(document, entity, series, activity, output.recorded_at)


def _derive(document: _Document, entity: str, source: str, activity: str, moment: datetime.datetime | None) -> None:
    """Say that one entity was made of another, by an activity, at a moment."""
    time = None if moment is None else moment.isoformat()
    document.relate("wasGeneratedBy", entity=entity, activity=activity, time=time)
    document.relate("wasDerivedFrom", generatedEntity=entity, usedEntity=source, activity=activity)


def _agent(label: str) -> dict[str, Any]:
    return {"prov:type": _qualified("prov:SoftwareAgent"), "prov:label": label}


def _times(started_at: datetime.datetime, finished_at: datetime.datetime | None) -> dict[str, str | None]:
    end = None if finished_at is None else finished_at.isoformat()
    return {"prov:startTime": started_at.isoformat(), "prov:endTime": end}


def _moment(moment: datetime.datetime) -> dict[str, str]:
    return {"$": moment.isoformat(), "type": "xsd:dateTime"}


def _address(place: Dataset) -> dict[str, str]:
    return {"$": place.uri, "type": "xsd:anyURI"}


def _qualified(name: str) -> dict[str, str]:
    return {"$": name, "type": "prov:QUALIFIED_NAME"}


def _name(kind: str, *parts: object) -> str:
    return "/".join((f"sieve:{kind}", *(quote(str(part), safe="") for part in parts)))
