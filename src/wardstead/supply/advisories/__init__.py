"""What is known to be wrong with packages: advisories in the OSV format, whom they concern, and what was decided of them."""
