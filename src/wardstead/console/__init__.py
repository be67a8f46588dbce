"""The web console: views, templates, static files. Served by the gateway workers under the same address."""
