"""A corpus of model files of our own making, and how well scanners tell the harmful ones from the others."""
