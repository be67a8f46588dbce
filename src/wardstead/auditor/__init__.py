"""Programs that run elsewhere, with whoever does not have to trust a deployment: a witness and a verifier, one file each."""
