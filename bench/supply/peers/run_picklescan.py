"""picklescan as its command runs it on a folder. Runs in its own environment."""

from each import answer
from picklescan.scanner import scan_directory_path


def verdict(path):
    found = scan_directory_path(path)
    if found.infected_files or found.issues_count:
        return "block"
    return "error" if found.scan_err else "clean"


answer(verdict)
