"""Checksums of identifiers against well-known examples, written down from memory: sources are named where they are known."""

from __future__ import annotations

import pytest

from wardstead.inspection.validators import VALIDATORS

# Worked examples and specimens as specifications and articles print them. None was looked up when this was written: a checksum
# that agrees with a number made for another one is most unlikely, but the names of the sources may be off.
WELL_KNOWN = [
    ("npi", "1234567893"),  # CMS, "Requirements for National Provider Identifier (NPI) and NPI Check Digit"
    ("dea", "AB1234563"),  # DEA number, Wikipedia
    ("aba", "111000025"),  # Routing transit number, Wikipedia
    ("vin", "1M8GDM9AXKP042788"),  # Vehicle identification number, Wikipedia
    ("br-cpf", "111.444.777-35"),  # Cadastro de Pessoas Físicas, the usual worked example
    ("br-cnpj", "11.222.333/0001-81"),  # the usual worked example
    ("br-cnpj", "12.ABC.345/01DE-35"),  # Receita Federal, "CNPJ alfanumérico", questions and answers
    ("br-pis", "120.0558.123-4"),
    ("br-titulo", "004356870906"),
    ("mx-curp", "BOXW310820HNERXN09"),  # RENAPO, instructivo normativo
    ("mx-rfc", "GODE561231GR8"),  # SAT, Registro Federal de Contribuyentes
    ("ar-cuit", "20-05536168-2"),
    ("cl-rut", "12.531.909-2"),
    ("co-nit", "213.123.432-1"),
    ("nhs", "943 476 5919"),  # NHS Data Dictionary
    ("utr", "1955839661"),
    ("de-steuer-id", "86095742719"),  # Bundeszentralamt für Steuern, test numbers
    ("de-steuer-id", "36 574 261 809"),
    ("de-personalausweis", "T220001293"),  # Bundesdruckerei, specimen of the Personalausweis
    ("de-personalausweis", "C01X00T478"),  # Bundesdruckerei, specimen of the passport
    ("de-rentenversicherung", "15 070649 C 103"),  # Versicherungsnummer, Wikipedia
    ("de-krankenversichertennummer", "A123456780"),  # gematik, specimen
    ("fr-nir", "2 55 08 14 168 025 38"),  # Numéro de sécurité sociale en France, Wikipédia
    ("fr-spi", "3023217600053"),
    ("es-dni", "12345678Z"),  # Ministerio del Interior
    ("es-dni", "X1234567L"),
    ("es-cif", "A58818501"),
    ("it-codice-fiscale", "RSSMRA85T10A562S"),  # Codice fiscale, Wikipedia
    ("it-codice-fiscale", "MRTMTT91D08F205J"),
    ("it-partita-iva", "07643520567"),  # Partita IVA, Wikipedia
    ("pt-nif", "501964843"),
    ("pt-cartao-cidadao", "00000000 0 ZZ4"),  # AMA, "Validação de número de documento do Cartão de Cidadão"
    ("nl-bsn", "111222333"),  # RvIG, test numbers
    ("be-rijksregister", "93.05.18-223.61"),  # Rijksregisternummer, Wikipedia
    ("be-rijksregister", "85.07.30-033 28"),  # ibz, Instructions
    ("lu-matricule", "1893120105732"),
    ("at-svnr", "1237 010180"),  # Sozialversicherungsnummer, Wikipedia
    ("ie-pps", "1234567FA"),  # Department of Social Protection
    ("ie-pps", "6433435F"),
    ("dk-cpr-checked", "211062-5629"),
    ("se-personnummer", "640823-3234"),  # Skatteverket
    ("se-personnummer", "811218-9876"),  # Personal identity number (Sweden), Wikipedia
    ("fi-hetu", "131052-308T"),  # Digi- ja väestötietovirasto
    ("pl-pesel", "44051401359"),  # PESEL, Wikipedia
    ("pl-nip", "123-456-32-18"),  # Numer identyfikacji podatkowej, Wikipedia
    ("pl-regon", "192598184"),
    ("pl-regon", "12345678512347"),  # REGON, Wikipedia
    ("pl-dowod", "ABS123456"),
    ("rodne-cislo", "710319/2745"),
    ("hu-adoazonosito", "8071592153"),
    ("ro-cnp", "1800101221144"),  # Cod numeric personal
    ("bg-egn", "7523169263"),  # Uniform civil number, Wikipedia
    ("gr-afm", "094259216"),
    ("gr-amka", "01013099997"),
    ("hr-oib", "33392005961"),  # OIB, Wikipedia
    ("emso", "0101006500006"),  # EMŠO, Wikipedia
    ("si-davcna", "50223054"),
    ("isikukood", "37605030299"),  # National identification number, Estonia, Wikipedia
    ("isikukood", "33309240064"),  # Asmens kodas, Wikipedia
    ("lv-personas-kods", "161175-19997"),
    ("no-fodselsnummer", "15108695088"),
    ("ch-ahv", "756.9217.0769.85"),  # Zentrale Ausgleichsstelle
    ("is-kennitala", "120174-3399"),  # Kennitala, Wikipedia
    ("ru-inn", "500100732259"),
    ("ru-snils", "112-233-445 95"),  # SNILS, Wikipedia
    ("ua-rnokpp", "1759013776"),
    ("in-aadhaar", "2341 2341 2346"),
    ("in-gstin", "27AAPFU0939F1ZV"),  # Goods and Services Tax Identification Number
    ("au-tfn", "123 456 782"),  # Tax file number, Wikipedia
    ("au-medicare", "2123 45670 1"),
    ("au-abn", "51 824 753 556"),  # Australian Business Register, format of the ABN
    ("au-acn", "004 085 616"),
    ("nz-ird", "49-091-850"),  # Inland Revenue, Resident Withholding Tax specification
    ("nz-ird", "136-410-132"),
    ("nz-nhi", "ZZZ0016"),  # HISO 10046
    ("sg-nric", "S1234567D"),
    ("jp-my-number", "123456789018"),
    ("cn-resident-id", "11010519491231002X"),  # GB 11643-1999
    ("cn-resident-id", "440524188001010014"),
    ("hk-id", "A123456(3)"),  # Hong Kong identity card, Wikipedia
    ("tw-id", "A123456789"),  # National identification card (Taiwan), Wikipedia
    ("tr-tckn", "10000000146"),
    ("il-id", "000000018"),
    ("za-id", "8001015009087"),  # South African identity card, Wikipedia
    ("vat", "ATU13585627"),
    ("vat", "BE0428759497"),
    ("vat", "BG175074752"),
    ("vat", "CY10259033P"),
    ("vat", "CZ25123891"),
    ("vat", "DE136695976"),  # Umsatzsteuer-Identifikationsnummer, BZSt
    ("vat", "DK13585628"),
    ("vat", "EE100931558"),
    ("vat", "EL094259216"),
    ("vat", "ESB58378431"),
    ("vat", "FI20774740"),
    ("vat", "FR40303265045"),
    ("vat", "GB980780684"),
    ("vat", "HR33392005961"),
    ("vat", "HU12892312"),
    ("vat", "IE6433435F"),
    ("vat", "IT00743110157"),
    ("vat", "LT119511515"),
    ("vat", "LU15027442"),
    ("vat", "LV40003521600"),
    ("vat", "MT11679112"),
    ("vat", "NL004495445B01"),
    ("vat", "PL8567346215"),
    ("vat", "PT501964843"),
    ("vat", "RO18547290"),
    ("vat", "SE123456789701"),
    ("vat", "SI50223054"),
    ("vat", "SK2022749619"),
    ("vat", "CHE-100.155.212"),
    ("siren", "552008443"),
    ("bitcoin", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),  # the first block
    ("bech32", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),  # BIP 173
    ("bech32", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"),  # BIP 350
    ("imei", "35-209900-176148-1"),  # International Mobile Equipment Identity, Wikipedia
    ("mrz-numbers", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"),  # ICAO Doc 9303 part 4
    ("mrz-names", "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"),
    ("mrz-numbers", "D231458907UTO7408122F1204159<<<<<<<6"),  # ICAO Doc 9303 part 6
    ("mrz-card", "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6"),  # ICAO Doc 9303 part 5
]  # fmt: skip


@pytest.mark.parametrize(("name", "text"), WELL_KNOWN)
def test_a_well_known_example_is_real(name: str, text: str) -> None:
    assert VALIDATORS[name](text.encode()) == len(text)
