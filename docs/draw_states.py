"""Draws the life of an exchange from its table into explanation/life-of-an-exchange.md. ``--check`` only compares."""

from __future__ import annotations

import sys
from pathlib import Path

from wardstead.gateway.pipeline.life import TRANSITIONS

PAGE = Path(__file__).parent / "explanation" / "life-of-an-exchange.md"
BEGIN, END = "<!-- states:begin -->", "<!-- states:end -->"


def drawn() -> str:
    """A table of states, and a diagram that code hosts draw."""
    rows = [
        f"| `{state}` | {', '.join(f'`{after}`' for after in sorted(afters)) or '–'} |" for state, afters in TRANSITIONS.items()
    ]
    arrows = [f"  {state} --> {after}" for state, afters in TRANSITIONS.items() for after in sorted(afters)]
    ends = [f"  {state} --> [*]" for state, afters in TRANSITIONS.items() if not afters]
    diagram = ["```mermaid", "stateDiagram-v2", "  [*] --> received", *arrows, *ends, "```"]
    return "\n".join(["| state | goes to |", "|---|---|", *rows, "", *diagram])


def main() -> int:
    """Write, or compare."""
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    wanted = f"{before}{BEGIN}\n{drawn()}\n{END}{after}"
    if "--check" in sys.argv:
        return int(wanted != text)
    PAGE.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
