"""What software is there: packages, the files that name them, and the order of their versions."""
