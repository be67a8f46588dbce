"""Orders that nobody of the conversation gave: told by their form, and not taken for what people write to each other."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from wardstead.bootstrap.detection.prose import prose

TEXTS = yaml.safe_load((Path(__file__).parents[3] / "bench/quality/orders.yaml").read_text("utf-8"))


def orders(texts: list[str]) -> int:
    return sum(any(span.type == "planted-order" for span in spans) for spans in prose().detect(texts))


@pytest.mark.parametrize("half", ["tuned", "held"])
@pytest.mark.parametrize("kind", ["harmless-for-agents", "harmless-overrides", "harmless-settings"])
def test_what_people_write_to_each_other_is_no_order_to_a_machine(half: str, kind: str) -> None:
    assert orders(TEXTS[half][kind]) == 0


def test_most_orders_to_agents_and_most_overrides_are_found() -> None:
    every = [text for half in TEXTS.values() for kind in ("orders-to-agents", "overrides") for text in half[kind]]
    assert orders(every) >= 0.7 * len(every)
