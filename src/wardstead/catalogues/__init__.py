"""Data only: policies, detectors and their JSON Schemas."""
