"""The YAML as it may be shown: what may hold a secret is left out, placeholders stay."""

import re
from collections.abc import Iterator

from lumos_dagster.config.model import Entry, JobFile
from lumos_dagster.interface import is_secret
from lumos_dagster.values import has_placeholder

_PASSWORD_IN_URL = re.compile(r"(://[^/\s:@]*:)[^/\s@]+(@)|(password=)[^&;\s\"']+", re.IGNORECASE)
HIDDEN = "********"


def shown_text(job: JobFile) -> str:
    """The file's text with every literal secret hidden."""
    text = job.text
    for secret in sorted(_secrets(job), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return _PASSWORD_IN_URL.sub(lambda match: f"{match[1] or match[3]}{HIDDEN}{match[2] or ''}", text)


def _secrets(job: JobFile) -> Iterator[str]:
    for _, entry in job.ops():
        yield from _of_entry(entry)


def _of_entry(entry: Entry) -> Iterator[str]:
    for name, field in entry.component.fields_by_option().items():
        value = entry.options.get(name)
        if is_secret(field) and isinstance(value, str) and value and "://" not in value and not has_placeholder(value):
            yield value
    hidden = entry.component.hidden(entry.options)
    yield from (secret for secret in hidden if secret and not has_placeholder(secret))
