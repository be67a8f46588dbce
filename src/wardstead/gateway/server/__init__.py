"""The shell: performs what the pipeline yields. The only place that knows asyncio, sockets and time."""
