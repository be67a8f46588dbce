"""The folders and files of a deployment. Nothing is written outside of its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


def file_name(model: str) -> str:
    """A model's name as part of a file name; no two models share one: ``+`` and ``=`` are in no model's name."""
    return model.replace("/", "+").replace(":", "=")


@dataclass(frozen=True, slots=True)
class Places:
    """The folders and files of a deployment."""

    directory: Path

    @property
    def config(self) -> Path:
        """The configuration."""
        return self.directory / "wardstead.yaml"

    @property
    def policies(self) -> Path:
        """Cedar policies, their schema, the classification policy."""
        return self.directory / "policies"

    @property
    def keys(self) -> Path:
        """Keys, readable by their owner alone."""
        return self.directory / "keys"

    @property
    def subject_keys(self) -> Path:
        """The key store: everybody's keys, wrapped."""
        return self.keys / "keys.db"

    @property
    def signed(self) -> Path:
        """The newest checkpoint, out of reach of whoever can write the database alone."""
        return self.keys / "ledger" / "checkpoint"

    @property
    def rows(self) -> Path:
        """How far the seals of the database's rows have come, out of the same reach."""
        return self.keys / "ledger" / "rows"

    @property
    def tls(self) -> Path:
        """The local authority and the server's certificate."""
        return self.directory / "tls"

    @property
    def models(self) -> Path:
        """Weights."""
        return self.directory / "models"

    @property
    def state(self) -> Path:
        """The database, the reserve, the newest checkpoint."""
        return self.directory / "state"

    @property
    def run(self) -> Path:
        """Sockets, locks, pids: gone with the processes."""
        return self.directory / "run"

    @property
    def logs(self) -> Path:
        """Logs, without content."""
        return self.directory / "logs"

    @property
    def database(self) -> Path:
        """The database's file."""
        return self.state / "wardstead.db"

    @property
    def advisories(self) -> Path:
        """Imported advisories: they can be had again."""
        return self.state / "advisories.db"

    @property
    def database_url(self) -> str:
        """Where the database is."""
        return f"sqlite:///{self.database}"

    def sockets(self, model: str) -> Path:
        """The socket folder of a model."""
        return self.run / "models" / file_name(model)

    def added(self, model: str, admission: str) -> Path:
        """Where the files of a model are put that is added from elsewhere: never over those that serve."""
        return self.models / f"{file_name(model)}-{admission[-8:]}"

    @property
    def rescans(self) -> Path:
        """When what serves was scanned last, and what came of it."""
        return self.state / "rescans.json"

    def attestation(self, model: str) -> Path:
        """What the launcher says of a model's weights; out of the sandbox's reach, unlike the socket folder."""
        return self.run / "sealed" / file_name(model)
