"""The command line: commands, rendering, exit codes."""
