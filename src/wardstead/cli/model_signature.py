"""``model sign-files``: a publisher's signature over a model's files, in OpenSSF's format. No deployment is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from wardstead.bootstrap.models.signature import publisher_key, sign_files
from wardstead.cli.output import Json, errors, reading, say


def sign_files_(
    path: Annotated[Path, typer.Argument(help="A file or folder.", metavar="PATH", exists=True)],
    key: Annotated[Path, typer.Option("--private-key", help="Yours, in PEM (ECDSA).", exists=True, dir_okay=False)],
    passphrase: Annotated[
        Path | None, typer.Option("--passphrase-file", help="What opens the key.", exists=True, dir_okay=False)
    ] = None,
    certificates: Annotated[
        Path | None, typer.Option("--certificates", help="Yours first, then its issuers', in PEM.", exists=True, dir_okay=False)
    ] = None,
    output: Annotated[Path, typer.Option("--output", help="Where the signature goes.")] = Path("model.sig"),
    json: Json = False,
) -> None:
    """Sign a model that you publish (OpenSSF model signing): others verify that they have just your files. No deployment."""
    with errors(as_json=json):
        signer = publisher_key(key, passphrase, certificates)
        with reading(path.name, quiet=json) as read:
            digests = sign_files(path, signer, output, read)
    said = {"path": str(path), "signature": str(output), "files": digests, "public_key": signer.public_pem.decode()}
    count = f"{len(digests):,} file{'' if len(digests) == 1 else 's'}"
    say(json, said, escape(f"{count} signed: {output}; give others your public key by another way than the model"))
