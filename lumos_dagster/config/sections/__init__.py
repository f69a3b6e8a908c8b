"""The keys of a job file, level by level: what may be written, before the parts are held against each other."""

from lumos_dagster.config.sections.base import Section
from lumos_dagster.config.sections.entries import (
    ChainText,
    ComponentText,
    EntryText,
    JobText,
    Named,
    PipelineEntryText,
    PipelineText,
    RetryText,
)
from lumos_dagster.config.sections.file import DagText, FileText, PluginText, ScheduleText

__all__ = [
    "ChainText",
    "ComponentText",
    "DagText",
    "EntryText",
    "FileText",
    "JobText",
    "Named",
    "PipelineEntryText",
    "PipelineText",
    "PluginText",
    "RetryText",
    "ScheduleText",
    "Section",
]
