"""Countries by their English names and usual other ones. Few, well known, and never a person's home: a type of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from wardstead.inspection.ports import Span

COUNTRY: Final = "country"

_NAMES: Final = """
Afghanistan, Albania, Algeria, American Samoa, Andorra, Angola, Anguilla, Antarctica, Antigua and Barbuda, Argentina, Armenia,
Aruba, Australia, Austria, Azerbaijan, Bahamas, Bahrain, Bangladesh, Barbados, Belarus, Belgium, Belize, Benin, Bermuda, Bhutan,
Bolivia, Bosnia and Herzegovina, Bosnia, Botswana, Brazil, Brunei, Brunei Darussalam, Bulgaria, Burkina Faso, Burma, Burundi,
Cabo Verde, Cambodia, Cameroon, Canada, Cape Verde, Cayman Islands, Central African Republic, Chad, Chile, China, Colombia,
Comoros, Congo, Cook Islands, Costa Rica, Côte d'Ivoire, Cote d'Ivoire, Croatia, Cuba, Curaçao, Cyprus, Czechia, Czech Republic,
Democratic Republic of the Congo, Denmark, Djibouti, Dominica, Dominican Republic, East Timor, Ecuador, Egypt, El Salvador,
England, Equatorial Guinea, Eritrea, Estonia, Eswatini, Ethiopia, Falkland Islands, Faroe Islands, Fiji, Finland, France,
French Guiana, French Polynesia, Gabon, Gambia, Georgia, Germany, Ghana, Gibraltar, Great Britain, Greece, Greenland, Grenada,
Guadeloupe, Guam, Guatemala, Guernsey, Guinea, Guinea-Bissau, Guyana, Haiti, Holy See, Honduras, Hong Kong, Hungary, Iceland,
India, Indonesia, Iran, Iraq, Ireland, Isle of Man, Israel, Italy, Ivory Coast, Jamaica, Japan, Jersey, Jordan, Kazakhstan, Kenya,
Kiribati, Korea, Kosovo, Kuwait, Kyrgyzstan, Kyrgyz Republic, Laos, Latvia, Lebanon, Lesotho, Liberia, Libya, Liechtenstein,
Lithuania, Luxembourg, Macao, Macau, Macedonia, Madagascar, Malawi, Malaysia, Maldives, Mali, Malta, Marshall Islands, Martinique,
Mauritania, Mauritius, Mayotte, Mexico, Micronesia, Moldova, Monaco, Mongolia, Montenegro, Montserrat, Morocco, Mozambique,
Myanmar, Namibia, Nauru, Nepal, Netherlands, New Caledonia, New Zealand, Nicaragua, Niger, Nigeria, Niue, North Korea,
North Macedonia, Northern Ireland, Norway, Oman, Pakistan, Palau, Palestine, Panama, Papua New Guinea, Paraguay,
People's Republic of China, Peru, Philippines, Poland, Portugal, Puerto Rico, Qatar, Reunion, Réunion, Romania, Russia,
Russian Federation, Rwanda, Saint Lucia, St Lucia, Samoa, San Marino, Saudi Arabia, Scotland, Senegal, Serbia, Seychelles,
Sierra Leone, Singapore, Slovakia, Slovenia, Solomon Islands, Somalia, South Africa, South Korea, South Sudan, Spain, Sri Lanka,
Sudan, Suriname, Swaziland, Sweden, Switzerland, Syria, Taiwan, Tajikistan, Tanzania, Thailand, Timor-Leste, Togo, Tonga,
Trinidad and Tobago, Tunisia, Turkey, Türkiye, Turkmenistan, Tuvalu, Uganda, Ukraine, United Arab Emirates, United Kingdom,
United States, United States of America, Uruguay, Uzbekistan, Vanuatu, Vatican City, Venezuela, Vietnam, Viet Nam, Virgin Islands,
Wales, Western Sahara, Yemen, Zambia, Zimbabwe, Deutschland, Österreich, Schweiz, España, Italia, Nederland, België, Danmark,
Sverige, Norge, Suomi, Polska, Česko, Magyarország, România, Brasil, México, Hrvatska, Ελλάδα
"""
_AMBIGUOUS: Final = frozenset(
    {"chad", "jordan", "georgia", "israel", "jersey", "guinea", "reunion", "turkey", "china", "wales", "niger"}
)
"""Written small they are something else, or a person."""

_KNOWN: Final = sorted({" ".join(name.split()) for name in _NAMES.split(",")}, key=len, reverse=True)
_EITHER: Final = re.compile(r"\b(?:" + "|".join(map(re.escape, _KNOWN)) + r")\b", re.IGNORECASE)


def countries(text: str) -> Iterator[Span]:
    """The countries in a window of text, in order. One in small letters counts where the text has no capitals at all."""
    cased = any(one.isupper() for one in text)
    for match in _EITHER.finditer(text):
        written = match.group()
        if written.islower() and (cased or written in _AMBIGUOUS):
            continue
        yield Span(COUNTRY, match.start(), match.end(), 0.9)
