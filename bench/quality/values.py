"""Values of every kind of identifier, made up: shapes are written here, checksums are met by trying until one fits.

In a shape ``#`` is a digit, ``@`` a capital, ``%`` a letter or digit, ``{ymd}`` and its like a date of birth; all else stands
for itself. The shapes are those of the issuers' publications, not those of the catalogue's patterns.
"""

from __future__ import annotations

import random
from typing import Final

from wardstead.inspection.validators import VALIDATORS

_CONSONANTS: Final = "BCDFGHJKLMNPRSTVWXYZ"
_DATES: Final = {"{ymd}": "%y%m%d", "{dmy}": "%d%m%y", "{Ymd}": "%Y%m%d", "{dmY}": "%d%m%Y", "{ym}": "%y%m"}

SHAPES: Final[dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]]] = {
    # type: (validator, shapes, what stands before it; "" for nothing)
    "us-ssn": ("ssn", ("###-##-####",), ("SSN", "social security number is", "Social Security #", "")),
    "us-itin": ("itin", ("9##-7#-####", "9##-8#-####"), ("ITIN", "individual taxpayer identification number")),
    "us-npi": ("npi", ("1#########",), ("NPI", "national provider identifier")),
    "us-dea-number": ("dea", ("A@#######", "B@#######", "M@#######"), ("DEA", "DEA number", "DEA registration")),
    "us-medicare-mbi": ("", ("1EG#-TE#-MK##", "9AC#NM#QW##"), ("MBI", "Medicare number", "")),
    "us-ein": ("ein", ("##-#######",), ("EIN", "employer identification number")),
    "canada-sin": ("sin", ("### ### ###", "#########", "###-###-###"), ("SIN", "social insurance number", "NAS")),
    "br-cpf": ("br-cpf", ("###.###.###-##",), ("CPF", "")),
    "br-cnpj": ("br-cnpj", ("##.###.###/0001-##",), ("CNPJ", "")),
    "mx-curp": ("mx-curp", ("GOMC{ymd}HDFRRL0#", "LOPA{ymd}MJCZRN0#"), ("CURP", "")),
    "cl-rut": ("cl-rut", ("1#.###.###-#",), ("RUT", "")),
    "ar-cuit": ("ar-cuit", ("20-########-#", "27-########-#"), ("CUIT", "CUIL")),
    "co-nit": ("co-nit", ("900.###.###-#",), ("NIT",)),
    "uk-nino": ("nino", ("AB ## ## ## C", "JK######A", "SP ## ## ## D"), ("NI number", "National Insurance number", "NINO")),
    "uk-nhs-number": ("nhs", ("### ### ####", "##########"), ("NHS number", "NHS no.", "NHS No:")),
    "uk-utr": ("utr", ("##########",), ("UTR", "Unique Taxpayer Reference")),
    "de-tax-id": ("de-steuer-id", ("## ### ### ###", "###########"), ("Steuer-ID", "Steueridentifikationsnummer", "IdNr.")),
    "fr-nir": ("fr-nir", ("1 8# 0# ## ### ### ##", "2 9# 1# ## ### ### ##"), ("numéro de sécurité sociale", "NIR", "")),
    "es-dni": ("es-dni", ("########@",), ("DNI", "NIF", "")),
    "it-codice-fiscale": ("it-codice-fiscale", ("RSSMRA8#A01H501@", "BNCGLI9#D45F205@"), ("codice fiscale", "C.F.", "")),
    "pt-nif": ("pt-nif", ("2########", "1########"), ("NIF", "contribuinte n.º")),
    "nl-bsn": ("nl-bsn", ("#########",), ("BSN", "burgerservicenummer")),
    "be-national-number": ("be-rijksregister", ("{ym}.15-###.##", "8#.0#.1#-###.##"), ("rijksregisternummer", "numéro national")),
    "at-svnr": ("at-svnr", ("####{dmy}", "#### {dmy}"), ("SVNR", "Sozialversicherungsnummer")),
    "ie-pps": ("ie-pps", ("#######@",), ("PPS number", "PPSN", "")),
    "dk-cpr": ("dk-cpr", ("{dmy}-####",), ("CPR-nummer", "CPR")),
    "se-personnummer": ("se-personnummer", ("{ymd}-####", "{Ymd}-####"), ("personnummer", "")),
    "fi-hetu": ("fi-hetu", ("{dmy}-###@",), ("henkilötunnus", "hetu", "")),
    "no-fodselsnummer": ("no-fodselsnummer", ("{dmy}#####", "{dmy} #####"), ("fødselsnummer", "")),
    "pl-pesel": ("pl-pesel", ("{ymd}#####",), ("PESEL", "nr PESEL")),
    "pl-nip": ("pl-nip", ("###-###-##-##", "##########"), ("NIP",)),
    "rodne-cislo": ("rodne-cislo", ("{ymd}/####",), ("rodné číslo", "r. č.", "")),
    "hu-taj": ("hu-taj", ("### ### ###",), ("TAJ szám", "TAJ")),
    "ro-cnp": ("ro-cnp", ("1{ymd}######",), ("CNP", "")),
    "bg-egn": ("bg-egn", ("{ymd}####",), ("ЕГН", "EGN")),
    "gr-afm": ("gr-afm", ("#########",), ("ΑΦΜ", "AFM")),
    "gr-amka": ("gr-amka", ("{dmy}#####",), ("ΑΜΚΑ", "AMKA")),
    "hr-oib": ("hr-oib", ("###########",), ("OIB",)),
    "isikukood": ("isikukood", ("3{ymd}####",), ("isikukood", "asmens kodas")),
    "ch-ahv": ("ch-ahv", ("756.####.####.##",), ("AHV-Nummer", "")),
    "in-aadhaar": ("in-aadhaar", ("#### #### ####",), ("Aadhaar", "Aadhaar number", "")),
    "in-pan": ("", ("@@@P@####@",), ("PAN", "")),
    "in-gstin": ("in-gstin", ("29AB@P@####F1Z%", "29AB@P@####F1Z%",), ("GSTIN", "")),
    "au-tfn": ("au-tfn", ("### ### ###", "#########"), ("TFN", "tax file number")),
    "au-medicare": ("au-medicare", ("2### ##### #",), ("Medicare", "Medicare card number")),
    "au-abn": ("au-abn", ("## ### ### ###",), ("ABN", "")),
    "nz-ird": ("nz-ird", ("##-###-###",), ("IRD number", "IRD")),
    "sg-nric": ("sg-nric", ("S#######@", "T#######@"), ("NRIC", "")),
    "za-id": ("za-id", ("{ymd}5###08#",), ("ID number", "")),
    "tr-tckn": ("tr-tckn", ("###########",), ("TC kimlik no", "TCKN")),
    "cn-resident-id": ("cn-resident-id", ("110101{Ymd}####",), ("身份证号", "")),
    "payment-card": ("payment-card", ("4### #### #### ####", "5### #### #### ####", "4###############", "37#############", "4###-####-####-####", "6011############"),
                     ("card number", "card", "VISA", "")),
    "iban": ("iban", ("DE## #### #### #### #### ##", "GB##NWBK##############", "NL##ABNA##########", "FR## #### #### #### #### #### ###", "ES######################"),
             ("IBAN", "")),
    "bic": ("bic", ("DEUTDEFF", "BARCGB22", "NWBKGB2L", "ABNANL2A", "CHASUS33XXX"), ("BIC", "SWIFT", "SWIFT code")),
    "us-bank-routing-number": ("aba", ("0########", "1########"), ("routing number", "ABA")),
    "bank-account": ("", ("########", "##########", "############"), ("account number", "account no.", "acct")),
    "imei": ("imei", ("35##########" + "###", "86#############"), ("IMEI",)),
    "vehicle-vin": ("vin", ("1HGCM826#########", "5YJ3E1EA#KF######"), ("VIN", "")),
    "mac-address": ("", ("##:1B:44:1#:3A:B#", "0#-1B-##-11-3A-C#"), ("MAC", "MAC address", "")),
    "ip-address": ("ipv4", ("2#.1##.2#.1##", "8#.2#.##.1#", "1##.##.1#.##"), ("IP", "from", "client", "")),
    "medical-record-number": ("", ("########", "MRN-#######", "####-####"), ("MRN", "medical record number", "patient ID")),
    "health-plan-number": ("", ("XYZ#########", "W##########", "H###-####-##"), ("member ID", "health plan number", "policy number")),
    "passport": ("", ("#########", "@########", "@@#######"), ("passport number", "passport no.", "Passport:")),
    "driving-licence": ("", ("@#######", "########", "@###-####-####"), ("driver's license", "driving licence", "license number")),
    "card-security-code": ("", ("###", "####"), ("CVV", "CVC", "security code")),
    "card-expiry": ("card-expiry", ("0#/2#", "1#/2#", "0#/202#"), ("exp", "expiry", "valid thru", "expires")),
    "vehicle-plate": ("", ("7ABC###", "AB## CDE", "ABC-####"), ("license plate", "plate number", "registration plate")),
    "card-pin": ("", ("####",), ("PIN", "my PIN is", "PIN code")),
    "crypto-wallet": ("", ("0x" + "%" * 0 + "52908400098527886E0F7030069857D2E41###E#",), ("wallet", "ETH address", "")),
    "gps-coordinates": ("", ("52.5###, 13.4###", "40.7###,-74.0###"), ("GPS", "coordinates", "location")),
}  # fmt: skip


def identifier(kind: str, rng: random.Random) -> str:
    """A valid one of a kind. Raises ``LookupError`` when none is met in many tries: the shape is wrong."""
    validator, shapes, _ = SHAPES[kind]
    check = VALIDATORS[validator] if validator else None
    for _ in range(200_000):
        text = _fill(rng.choice(shapes), rng)
        if check is None or check(text.encode()) == len(text):
            return text
    raise LookupError(f"no {kind} fits its checksum")


def lead(kind: str, rng: random.Random) -> str:
    """What stands before one of a kind, with what joins them."""
    word = rng.choice(SHAPES[kind][2])
    return word + rng.choice((": ", " ", " is ", ": ")) if word and not word.endswith((" is", ":")) else word + " " * bool(word)


def _fill(shape: str, rng: random.Random) -> str:
    for name, written in _DATES.items():
        if name in shape:
            year, month, day = rng.randint(1945, 1999), rng.randint(1, 12), rng.randint(1, 28)
            date = (
                written.replace("%Y", f"{year}")
                .replace("%y", f"{year % 100:02}")
                .replace("%m", f"{month:02}")
                .replace("%d", f"{day:02}")
            )
            shape = shape.replace(name, date)
    out = []
    for char in shape:
        if char == "#":
            out.append(rng.choice("0123456789"))
        elif char == "@":
            out.append(rng.choice(_CONSONANTS))
        elif char == "%":
            out.append(rng.choice("0123456789" + _CONSONANTS))
        else:
            out.append(char)
    return "".join(out)
