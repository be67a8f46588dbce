"""Inspection: detectors, the classification policy, redaction, and the guard that audits an answer while it streams."""
