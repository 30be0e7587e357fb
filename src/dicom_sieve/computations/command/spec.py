"""What is said of a program that computes."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

INPUT, OUTPUT = "{input}", "{output}"
"""Stand for the folders in arguments."""


class Command(BaseModel):
    """A program that computes on one series at a time."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    command: Annotated[
        tuple[str, ...],
        Field(min_length=1, max_length=256, description="The program and its arguments; no shell reads them."),
    ]
    version: Annotated[
        str, Field(min_length=1, max_length=64, description="Of what it does: with another one it computes again.")
    ]
    description: Annotated[str, Field(max_length=1000, description="What it does, in a sentence.")] = (
        "A program of this deployment."
    )
    timeout_seconds: Annotated[float, Field(gt=0, le=30 * 86_400, description="It is killed after that.")] = 3600.0
    memory_gib: Annotated[
        float | None, Field(gt=0, le=65_536, description="Of addresses that each of its processes may have.")
    ] = None
    cpus: Annotated[int, Field(ge=1, le=4_096, description="Cores that one series needs.")] = 1
    gpus: Annotated[
        int, Field(ge=0, le=64, description="GPUs that one series needs; CUDA_VISIBLE_DEVICES tells it which.")
    ] = 0
    refuses: Annotated[
        tuple[int, ...], Field(max_length=16, description="Exit codes that say that the series is not fit for it.")
    ] = ()
