"""Medical terms: conditions, procedures, findings and drugs, by how such words are built and by a short vocabulary.

Most of medicine's words are made from few parts (Greek and Latin endings; for drugs the stems that the WHO assigns, "The use of
stems in the selection of International Nonproprietary Names", 2018), so a handful of endings finds words that no list holds.
What ends alike and is no such word is listed. A term says that a text is about health, not whose: policy joins it with a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import re2

from wardstead.inspection.patterns.finding import Find, Tell, finder, teller
from wardstead.inspection.ports import Direction, Origin, Span
from wardstead.inspection.verdict import char_count

MEDICAL_TERM: Final = "medical-term"

_CONDITIONS: Final = (
    "itis", "itides", "oma", "omas", "emia", "emias", "aemia", "aemias", "opathy", "opathies", "iasis", "algia", "uria", "rrhea",
    "rrhoea", "rrhage", "plegia", "plegic", "paresis", "megaly", "penia", "sclerosis", "stenosis", "fibrosis", "cirrhosis",
    "thrombosis", "necrosis", "acidosis", "psychosis", "neurosis", "porosis", "nephrosis", "mycosis", "cytosis", "dystrophy",
    "pnoea", "cardia", "phasia", "plasia", "lepsy", "osteopenia", "ectasis", "kinesia",
)  # fmt: skip
_PROCEDURES: Final = ("ectomy", "ectomies", "ostomy", "otomy", "plasty", "oscopy", "centesis", "pexy")
_DRUGS: Final = (
    "pril", "sartan", "statin", "olol", "prazole", "conazole", "nidazole", "cillin", "mycin", "cycline", "floxacin", "tidine",
    "setron", "triptan", "gliptin", "gliflozin", "glutide", "limumab", "zumab", "ximab", "tinib", "ciclib", "parib", "navir",
    "tegravir", "ciclovir", "buvir", "asvir", "previr", "amivir", "oxetine", "traline", "alopram", "pramine", "triptyline",
    "azepam", "azolam", "barbital", "caine", "dipine", "thiazide", "semide", "lukast", "profen", "coxib", "denafil", "dalafil",
    "steride", "methasone", "cortisone", "nisone", "nisolone", "formin", "gabalin", "apentin", "xaban", "parin", "dronate",
    "dronic", "racetam", "piprazole", "peridone", "tiapine", "lamide", "glitazone", "terol", "tropium", "codone", "morphone",
    "cisplatin", "oplatin", "taxel", "rubicin", "trexate", "bicin", "kinra", "sulfan",
)  # fmt: skip
_EVERYDAY: Final = frozenset(
    """
academia allopathy april autotomy axioma bohemia centuria convivir dichotomy diploma diplomas endocytosis etruria euphemia
exocytosis fantasia homeopathy idioma injuria liguria malaysia manchuria microscopy naturopathy nostalgia oklahoma osteopathy
phagocytosis pinocytosis polytomy radioscopy spectroscopy stroboscopy sympathy telescopy transcytosis trichotomy trophy
""".split()  # noqa: SIM905 -- a list this long is read as words
)
_WORDS: Final = frozenset(
    """
abscess acetaminophen acne adderall addiction adhd allopurinol alzheimer alzheimer's amenorrhea amnesia amoxicillin anaphylaxis
aneurysm angina anorexia anxiolytic aphasia apnea apnoea appendectomy arrhythmia arthritic asperger aspirin asthma asthmatic
asthme astigmatism ataxia atrophy autism autistic benzodiazepine beroerte biopsies biopsy bluthochdruck bradycardia bronchospasm
bulimia buprenorphine bupropion cancer cancers carbamazepine cardiologist cardiomyopathy cataract cataracts catheter chemo
chemotherapie chemotherapy chickenpox chlamydia cholera cholesterol clopidogrel clozapine codeine colonoscopy colostomy
concussion copd crohn's cystic cáncer câncer dementia demenz dengue depressionen dermatologist diabetes diabetic dialysis
diarrhea diarrhoea digoxin diphtheria diuretic dyslexia dyspepsia dyspnea dyspnoea démence ebola echocardiogram eclampsia eczema
edema electrocardiogram embarazada embarazo embolism emphysema enceinte endometriosis endoscopy epilepsia epilepsie epilepsy
epileptic epinephrine erythema esquizofrenia fentanyl fibroid fibroids fibromyalgia furosemide gabapentin glaucoma glioblastoma
glucagon gonorrhea gonorrhoea gout gravidanza gravidez grossesse grávida haemoglobin haemophilia haemorrhoids haloperidol
hartinfarct hba1c hemoglobin hemophilia hemorrhoids heparin hernia herpes herzinfarkt hipertensión hydrocodone
hypercholesterolemia hyperlipidemia hyperplasia hypertension hypertensive hyperthyroidism hypertonie hypoglycemic hypotension
hypothyroidism hypoxia hysterectomy ibuprofen immunodeficiency immunosuppressant incontinence infarto infertility influenza
insomnia insulin intubated intubation ipertensione ischaemic ischemia ischemic jaundice kanker ketoacidosis krebserkrankung
lamotrigine levothyroxine lumpectomy lungenentzündung lupus malaria mammogram mammography mastectomy measles melanoma menopause
metastases metastasis metastatic methadone methylphenidate metoclopramide migraine migraines migräne mirtazapine miscarriage
morphine mumps myocardial naloxone narcolepsy nausea nephrologist neurologist neuropathic nowotwór obesity oedema olanzapine
oncologist oncology ondansetron orthopedic osteoporosis oxycodone oxycontin ozempic pacemaker palliative palpitations pancreatic
paracetamol parkinson parkinson's pediatrician perinatal pertussis phenytoin placenta pneumonia pneumothorax polio postoperative
postpartum prednisone preeclampsia pregnancy pregnant prozac psoriasis psychiatrist psychotic ptsd pulmonary quimioterapia
rabies radiotherapy retinopathy rheumatoid ritalin rubella salbutamol scabies schizofrenia schizophrenia schizophrenic
schizophrenie schizophrénie schlaganfall schwanger schwangerschaft sciatica scoliosis scurvy sedation sepsis septic shingles
spirometry statin statins stillbirth suicidal syphilis tachycardia tamoxifen tetanus thyroid tonsillectomy tracheostomy tramadol
transfusion trazodone tuberculosis tumor tumors tumour tumours typhoid ulcer ulcers ultrasound urologist valproate vasectomy
venlafaxine vertigo vicodin warfarin xanax zoloft zuckerkrankheit zwanger épilepsie
""".split()  # noqa: SIM905 -- a list this long is read as words
)
_ABBREVIATIONS: Final = frozenset(
    "HIV AIDS COPD GERD IBS PTSD OCD ADHD STI STD UTI MRSA NSCLC CHF DVT TBI PCOS ALS BRCA1 BRCA2 MRI ECG EKG EEG PSA".split()  # noqa: SIM905
)
_PHRASES: Final = re.compile(
    r"\b(?:heart (?:attack|failure|disease|murmur|surgery|transplant)|(?:kidney|renal|liver|lung|celiac|coeliac|crohn'?s?) "
    r"(?:disease|failure|transplant|damage)|chest pain|high blood pressure|blood pressure|blood sugar|"
    r"blood (?:test|clot|count|type)s?|"
    r"(?:bipolar|eating|panic|personality|anxiety|mood|depressive|attention deficit|sleep) disorder|clinical depression|"
    r"major depression|postnatal depression|suicide attempt|type (?:1|2|I|II|one|two) diabet(?:es|ic)|sleep apnea|"
    r"multiple sclerosis|"
    r"muscular dystrophy|cerebral palsy|down syndrome|irritable bowel|ischemic stroke|(?:had|suffered|after) a stroke|"
    r"brain (?:injury|tumou?r|hemorrhage)|spinal cord injury|cystic fibrosis|sickle cell|lyme disease|covid(?:-19)?|"
    r"sexually transmitted|urinary tract infection|ectopic pregnancy|birth control|bone marrow|stem cell transplant|"
    r"ct scan|pet scan|x-ray of|pap smear|lymph nodes?|white blood cells?|platelet count|biopsy results?|lab results|"
    r"[0-9]+(?:\.[0-9]+)? ?(?:mg|mcg|µg|ml) (?:daily|twice|once|bid|tid|qd|po|every|per day|of))\b",
    re.IGNORECASE,
)
_WORD: Final = re.compile(r"[^\W_][\w'’]{2,40}")
_ENDINGS: Final = (*_CONDITIONS, *_PROCEDURES, *_DRUGS)
_SHORTEST: Final = 7
"""Letters of a word that its ending alone makes medical: *edema* and the like are in the vocabulary."""


def _hints() -> tuple[Find, Find, Tell]:
    """Found wherever a word is, a phrase, or either, and perhaps elsewhere, in a fiftieth of the time: most texts have none."""
    options = re2.Options()
    options.max_mem = 64 << 20
    options.case_sensitive = False
    words = "|".join(map(re2.escape, sorted(_WORDS)))
    # In small letters they stand in every second word: the STI in "hosting".
    words += f"|(?-i:{'|'.join(sorted(_ABBREVIATIONS))})"
    # Which of the others are letters depends on the edition of Unicode, and Python's is another one than RE2's.
    words += f"|(?:{'|'.join(_ENDINGS)})(?:['’]s)?(?:[^A-Za-z0-9_]|\\z)"
    phrases = _PHRASES.pattern.replace(_BOUNDARY, "")
    return finder(words, options), finder(phrases, options), teller(f"{words}|{phrases}", options)


_BOUNDARY: Final = r"\b"
_WORD_HINT, _PHRASE_HINT, _may_hold = _hints()
_PART_OF_A_WORD: Final = re.compile(r"[\w'’]")
_STRETCH: Final = re.compile(r"[\w'’]*")
"""What words are cut from: no word reaches over its ends."""


class MedicalTerms:
    """A ``TextDetector`` of medical terms."""

    id = "medical-terms"
    version = "1"
    types: Mapping[str, str] = {MEDICAL_TERM: "health"}
    directions = frozenset(Direction)
    origins = frozenset({Origin.SYSTEM, Origin.USER, Origin.MODEL, Origin.TOOL, Origin.DOCUMENT})
    marks = False
    slow = False
    cuts = False

    def detect(self, texts: Sequence[str]) -> Sequence[Sequence[Span]]:
        """See ``TextDetector.detect``. Fails never."""
        return [medical_terms(text) for text in texts]


def medical_terms(text: str) -> list[Span]:
    """The terms in a text, in order, none over another."""
    data = text.replace("’", "'").encode("utf-8", "replace")
    if not _may_hold(data):
        return []
    out = list(_phrases(text, data))
    taken, at = out.copy(), 0
    for start, end in _words(text, data):
        while at < len(taken) and taken[at].end <= start:
            at += 1
        if not (at < len(taken) and taken[at].start < end):
            out.append(Span(MEDICAL_TERM, start, end, 0.9))
    return sorted(out, key=lambda span: span.start)


def _phrases(text: str, data: bytes) -> Iterator[Span]:
    """``data`` has as many characters as ``text``."""
    taken = 0
    for at in _hinted(_PHRASE_HINT, data):
        match = _PHRASES.match(text, at) if at >= taken else None
        if match:
            taken = match.end()
            yield Span(MEDICAL_TERM, *match.span())


def _words(text: str, data: bytes) -> Iterator[tuple[int, int]]:
    """Those of words, which are looked at one by one, only around hints."""
    done = 0
    for at in _hinted(_WORD_HINT, data):
        if at < done:
            continue
        begin = at
        while begin > done and _PART_OF_A_WORD.match(text[begin - 1]):
            begin -= 1
        stretch = _STRETCH.match(text, begin)
        done = max(stretch.end() if stretch else 0, at + 1)
        for match in _WORD.finditer(text, begin, done):
            if is_medical(match.group()):
                yield match.span()


def _hinted(hint: Find, data: bytes) -> Iterator[int]:
    """The characters at which something may begin, each stretch of bytes counted once."""
    at = count = done = 0
    while (start := hint(data, at)[0][0]) >= 0:
        count += char_count(data[done:start])
        done, at = start, start + 1
        yield count


def is_medical(word: str) -> bool:
    """Whether a word by itself is a medical term."""
    if word in _ABBREVIATIONS:
        return True
    small = word.lower().replace("’", "'").removesuffix("'s")
    if small in _WORDS:
        return True
    return len(small) >= _SHORTEST and small.endswith(_ENDINGS) and small not in _EVERYDAY
