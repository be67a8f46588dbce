"""Documents with personal data, made up: own templates in nine languages, names and addresses of many locales by Faker.

Half of the templates and most of the locales are *held out*: nothing was tuned on them. The seed is fixed.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Final

from faker import Faker

from bench.quality.scoring import Document, Span
from bench.quality.values import SHAPES, identifier, lead

TUNING: Final = {
    "en": ("en_US", "en_GB", "en_CA"), "de": ("de_DE",), "fr": ("fr_FR",), "es": ("es_ES",), "it": ("it_IT",),
    "nl": ("nl_NL",), "pl": ("pl_PL",), "pt": ("pt_BR",), "sv": ("sv_SE",),
}  # fmt: skip
HELD_OUT: Final = {
    "en": ("en_AU", "en_NZ", "en_IN", "cs_CZ", "hu_HU", "hr_HR", "sl_SI", "el_GR", "da_DK", "no_NO", "fi_FI", "ro_RO", "sk_SK"),
    "de": ("de_AT", "de_CH"), "fr": ("fr_CA", "fr_CH"), "es": ("es_MX", "es_CO"), "it": ("it_IT",), "nl": ("nl_BE",),
    "pl": ("pl_PL",), "pt": ("pt_PT",), "sv": ("sv_SE",),
}  # fmt: skip

# Every second template of a language is held out. ``{person}`` and the like are filled; {id} is a kind of identifier with its lead-in.
TEMPLATES: Final[dict[str, tuple[str, ...]]] = {
    "en": (
        "Dear {person},\n\nthank you for your order. It goes to:\n{address}\n\nQuestions? Call {phone} or write to {email}.\n",
        "Patient: {person}\nDOB: {dob}\nAddress: {address1}\n{id}\nDischarged on {date}; follow-up by phone at {phone}.",
        "My name is {person} and I live at {address1}. Please update my e-mail to {email}, my birthday is {dob}.",
        "Invoice {plain}\nBill to: {person}, {address1}\nPhone {phone}\nDue {date}\nPay to {id}",
        '{{"name": "{person}", "email": "{email}", "phone": "{phone}", "dob": "{dobiso}", "ip": "{ip}"}}',
        "{date} login of user {username} from {ip} failed; notified {email}.",
        "Hi team, {person} from {organisation} will visit us in {city} on {date}. She can be reached at {phone}.",
        "Shipping label\n{person}\n{address}\nTel. {phone}\n",
        "I was born on {dob} in {city}. {id}. Could you check my application?",
        "Employee file: {person} (age {age}), {id}, hired {date}, lives at {address1}.",
        "From: {person} <{email}>\nTo: {email2}\nDate: {date}\nSubject: account\n\nMy {id}, thanks.\n{person2}\n{phone}",
        "The package for {person} was left at {address1} by mistake. His number is {phone}.",
        "name,email,phone,zip\n{person},{email},{phone},{zip}\n",
        "Can you write a polite reminder to {person}, {address1}? Mention that {id} was not on the form.",
        "See my site {url}, or the profile of {username2} there. Yours, {person}",
        "Claim {plain}: {id}, {id2}. Insured: {person}, born {dob}, resident at {address1}.",
        "Emergency contact: {person}, {phone}. Home address: {address1}. {id}.",
        "Kind regards,\n{person}\nHead of Finance, {organisation}\n{address}\nT {phone} | {email} | {url}",
        "Ticket {plain}: customer says {id} is wrong. Client IP {ip}. Device {id2}.",
        "{person} (DOB {dob}) has {id} and {id2} on record.",
    ),
    "de": (
        "Sehr geehrte Frau {surname},\n\nIhre Bestellung geht an:\n{address}\n\nRückfragen: {phone} oder {email}.",
        "Mein Name ist {person}, geboren am {dobdot}, wohnhaft {address1}. Telefon: {phone}. {id}.",
        "Patient: {person}\nGeburtsdatum: {dobdot}\nAnschrift: {address1}\nTel.: {phone}",
        "Rechnung an {person}, {address1}. Bitte überweisen auf {id}.",
    ),
    "fr": (
        "Bonjour, je m'appelle {person}, né le {dobslash}. J'habite {address1}. Mon numéro : {phone}.",
        "Madame {surname}, votre colis sera livré au {address1}. Contact : {email}, tél. {phone}.",
        "Dossier de {person}\nDate de naissance : {dobslash}\nAdresse : {address1}\n{id}",
        "Merci d'envoyer la facture à {person}, {address1}. {id}",
    ),
    "es": (
        "Hola, me llamo {person} y nací el {dobslash}. Vivo en {address1}. Mi teléfono es {phone}.",
        "Estimado Sr. {surname}: su pedido se enviará a {address1}. Correo: {email}. {id}",
        "Paciente: {person}\nFecha de nacimiento: {dobslash}\nDirección: {address1}\nTeléfono: {phone}",
        "Factura a nombre de {person}, {address1}. {id}",
    ),
    "it": (
        "Mi chiamo {person}, nato il {dobslash}, residente in {address1}. Telefono: {phone}. {id}",
        "Gentile Sig. {surname}, il pacco arriva in {address1}. E-mail: {email}.",
    ),
    "nl": (
        "Mijn naam is {person}, geboren op {dobdash}. Ik woon op {address1}. Telefoon: {phone}. {id}",
        "Geachte heer {surname}, uw pakket gaat naar {address1}. E-mail: {email}.",
    ),
    "pl": (
        "Nazywam się {person}, urodzony {dobdot}. Adres: {address1}. Telefon: {phone}. {id}",
        "Szanowna Pani {surname}, paczka na adres {address1}. E-mail: {email}.",
    ),
    "pt": (
        "O meu nome é {person}, nascido em {dobslash}. Moro em {address1}. Telefone: {phone}. {id}",
        "Prezado Sr. {surname}, a encomenda vai para {address1}. E-mail: {email}.",
    ),
    "sv": (
        "Jag heter {person}, född {dobiso}. Adress: {address1}. Telefon: {phone}. {id}",
        "Bästa {person}, paketet skickas till {address1}. E-post: {email}.",
    ),
}  # fmt: skip

_MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_SLOT: Final = re.compile(r"\{([a-z0-9]+)\}")


def generated(*, held_out: bool, copies: int = 40, seed: int = 7) -> list[Document]:
    """Documents of the templates and locales that were tuned on, or of the others."""
    rng = random.Random(seed + held_out)
    locales = HELD_OUT if held_out else TUNING
    fakers = {locale: Faker(locale) for group in locales.values() for locale in group}
    for number, faker in enumerate(fakers.values()):
        faker.seed_instance(seed * 100 + number)
    documents = []
    for language, templates in TEMPLATES.items():
        for template in templates[int(held_out) :: 2]:
            for _ in range(copies if language == "en" else copies // 2):
                locale = rng.choice(locales[language])
                documents.append(_document(template, f"{'held out' if held_out else 'tuning'}", fakers[locale], rng))
    return documents


def _document(template: str, source: str, faker: Faker, rng: random.Random) -> Document:
    text, spans, at = "", [], 0
    for slot in _SLOT.finditer(template.replace("{{", "\x01").replace("}}", "\x02")):
        text += template.replace("{{", "\x01").replace("}}", "\x02")[at : slot.start()]
        at = slot.end()
        label, before, value = _value(slot[1], faker, rng)
        text += before
        if label:
            spans.append(Span(label, len(text), len(text) + len(value)))
        text += value
    text += template.replace("{{", "\x01").replace("}}", "\x02")[at:]
    return Document(source, text.replace("\x01", "{").replace("\x02", "}"), tuple(spans))


def _value(slot: str, faker: Faker, rng: random.Random) -> tuple[str, str, str]:
    """The label of a slot's value, what stands before it, and the value."""
    name = slot.rstrip("2")
    if name == "id":
        kind = rng.choice([kind for kind in SHAPES if kind != "ip-address"])
        return kind, lead(kind, rng), identifier(kind, rng)
    label, make = _MAKERS[name]
    return label, "", make(faker, rng)


def _day(rng: random.Random, first: int, last: int) -> tuple[int, int, int]:
    return rng.randint(first, last), rng.randint(1, 12), rng.randint(1, 28)


def _written(rng: random.Random, first: int, last: int) -> str:
    year, month, day = _day(rng, first, last)
    name = _MONTHS[month - 1]
    return rng.choice((
        f"{year}-{month:02}-{day:02}", f"{month}/{day}/{year}", f"{day:02}.{month:02}.{year}", f"{day} {name} {year}", f"{name} {day}, {year}",
        f"{name[:3]} {day} {year}", f"{day:02}-{name[:3]}-{year}", f"{day}/{month}/{year % 100:02}", f"the {day}th of {name} {year}",
    ))  # fmt: skip


def _numeric(separator: str, *, year_first: bool = False) -> Callable[[Faker, random.Random], str]:
    def make(_: Faker, rng: random.Random) -> str:
        year, month, day = _day(rng, 1935, 2004)
        parts = [f"{year}", f"{month:02}", f"{day:02}"]
        return separator.join(parts if year_first else parts[::-1])

    return make


def _phone(faker: Faker, rng: random.Random) -> str:
    return str(faker.phone_number())


def _user(faker: Faker, rng: random.Random) -> str:
    first, last = faker.first_name(), faker.last_name()
    plain = (f"{first}{rng.choice(('.', '_', ''))}{last}{rng.randint(1, 99)}").lower()
    return re.sub(r"[^a-z0-9._]", "", plain.encode("ascii", "ignore").decode()) or "user_4711"


_MAKERS: Final[dict[str, tuple[str, Callable[[Faker, random.Random], str]]]] = {
    "person": ("person", lambda faker, rng: str(faker.name())),
    "surname": ("person", lambda faker, rng: str(faker.last_name())),
    "address": ("postal-address", lambda faker, rng: str(faker.address())),
    "address1": ("postal-address", lambda faker, rng: str(faker.address()).replace(",\n", ", ").replace("\n", ", ")),
    "city": ("location", lambda faker, rng: str(faker.city())),
    "organisation": ("organisation", lambda faker, rng: str(faker.company())),
    "phone": ("phone", _phone),
    "email": ("email", lambda faker, rng: str(faker.email())),
    "url": ("url", lambda faker, rng: str(faker.url())),
    "username": ("username", _user),
    "ip": ("ip-address", lambda faker, rng: str(faker.ipv6() if rng.random() < 0.3 else faker.ipv4_public())),
    "age": ("age", lambda faker, rng: str(rng.randint(18, 88))),
    "zip": ("postal-code", lambda faker, rng: str(faker.postcode())),
    "plain": ("", lambda faker, rng: f"{rng.choice('ABCFK')}-{rng.randint(10000, 99999)}"),
    "date": ("date", lambda faker, rng: _written(rng, 2015, 2026)),
    "dob": ("date-of-birth", lambda faker, rng: _written(rng, 1935, 2004)),
    "dobiso": ("date-of-birth", _numeric("-", year_first=True)),
    "dobdot": ("date-of-birth", _numeric(".")),
    "dobslash": ("date-of-birth", _numeric("/")),
    "dobdash": ("date-of-birth", _numeric("-")),
}  # fmt: skip
