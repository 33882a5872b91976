"""Does the file FORMAT say that the folder is an archive of ours?"""

from pathlib import Path

from pec_tracker.archive.finding import Finding, FindingKind

Findings = list[Finding]


def format_findings(file: Path, first_line: str) -> Findings:
    """What is wrong with *file*, whose first line must be *first_line*."""
    try:
        first = file.read_bytes().partition(b"\n")[0].strip()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        text = "the file FORMAT, which says what this folder is, cannot be read ({reason})"
        return [Finding(FindingKind.FORMAT_MISSING, file.name, text, {"reason": reason})]
    if first == first_line.encode("ascii"):
        return []
    text = "the file FORMAT does not say '{expected}'"
    return [Finding(FindingKind.FORMAT_UNKNOWN, file.name, text, {"expected": first_line})]
