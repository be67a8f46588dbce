"""Who keeps what opens the root key: a passphrase, holders of shares, a PKCS#11 token, a transit server."""
