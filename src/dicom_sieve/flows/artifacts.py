"""What a run leaves with its flow run in Prefect: counts, attrition and reasons. No value of a patient is among it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from dicom_sieve.advice import advise_cause
from dicom_sieve.criteria import Advice, CompiledItem, advise
from dicom_sieve.objects import Location, split_s3
from dicom_sieve.publishing.manifest import MANIFEST
from dicom_sieve.reports import Report
from dicom_sieve.reports.attrition import mermaid_of
from dicom_sieve.reports.markdown import inert_markdown
from dicom_sieve.reports.words import describe_sum, headed, reasons_to_discard

ATTRITION = "Attrition, criterion by criterion"


def show_verdicts(sentence: str, counts: Mapping[str, Any], criteria: tuple[CompiledItem, ...]) -> None:
    """Show what came of it, and the reasons; of a preview, too."""
    markdown = describe_verdicts(sentence, counts, advise(criteria))
    create_markdown_artifact(markdown, key="verdicts", description="Verdicts")
    reasons = reasons_to_discard(criteria, counts["findings"], counts["defects"])
    if reasons:
        rows = [
            {"reason": headed(reason.sentence), "name": reason.name, "objects": reason.objects} for reason in reasons
        ]
        why = describe_sum(reasons, counts["discarded"])
        create_table_artifact(rows, key="reasons", description="Reasons to discard" + (f". {why}" if why else ""))


def describe_verdicts(sentence: str, counts: Mapping[str, Any], advice: Sequence[Advice] = ()) -> str:
    """Give Markdown with what came of a run, or would come of it, and what is worth a look about its criteria."""
    lines = [
        *_verdicts(sentence, counts),
        *([""] if advice else []),
        *(f"- {inert_markdown(str(warning))}" for warning in advice),
    ]
    return "\n".join(lines)


def show_unread(causes: Mapping[str, int]) -> None:
    """Show why objects could not be read, how many of each, and what to do about it."""
    rows = [{"cause": cause, "objects": number, "to do": advise_cause(cause)} for cause, number in causes.items()]
    create_table_artifact(rows, key="unread", description="Objects that could not be read, by cause")


def show_attrition(report: Report) -> None:
    """Show what is left after each criterion, as a picture."""
    create_markdown_artifact(describe_attrition(report), key="attrition", description=ATTRITION)


def describe_attrition(report: Report) -> str:
    """Give Markdown with the attrition as Mermaid, which Prefect's UI draws, and what is worth a look."""
    warnings = (f"- {inert_markdown(warning)}" for warning in report.warnings)
    return "\n".join(["```mermaid", mermaid_of(report), "```", "", *warnings])


def show_link(manifest_uri: str, output: Location) -> None:
    """Show where the report was published. The link opens for those who may read there; it is signed by nobody."""
    path = manifest_uri.removesuffix(MANIFEST) + "report.html"
    parts = split_s3(path)
    link = f"{output.endpoint}/{'/'.join(parts)}" if parts else path
    create_link_artifact(link, link_text="report.html", key="report", description="The report, beside the manifest")


def _verdicts(sentence: str, counts: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"**{sentence}**", "")
    yield "| objects | passed | discarded | series whole | partial | none |"
    yield "| ---: | ---: | ---: | ---: | ---: | ---: |"
    numbers = [counts[name] for name in ("listed", "passed", "discarded")]
    numbers += [counts["series"].get(name, 0) for name in ("WHOLE", "PARTIAL", "NONE")]
    yield f"| {' | '.join(f'{number:,}' for number in numbers)} |"
    if damaged := counts.get("damaged"):
        yield from (
            "",
            "| damaged | all asked before the damage | of these objects, passed |",
            "| ---: | ---: | ---: |",
        )
        yield f"| {' | '.join(f'{damaged[name]:,}' for name in ('objects', 'all_before', 'passed'))} |"
