"""What a text does rather than what it says: active content, dangerous code, loops, leaked instructions, known documents.

Each is a ``TextDetector``: it looks at whole texts, and policy can flag, hold or cut. What can be taken out of a stream piece
by piece (addresses that carry data, terminal escapes) is a pattern: catalogues/detectors/active-content.yaml.
"""
