"""The words every room shares: ids, labels, findings, errors, time and canonical bytes. Imports no other room."""
