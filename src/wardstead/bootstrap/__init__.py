"""Wires adapters to ports: the one place that imports ``adapters``. ``python -m wardstead.bootstrap`` runs a child process."""
