"""The gateway: dialects (``protocol``), the exchange as a state machine (``pipeline``), and the only asyncio (``server``)."""
