"""Turns of phrase by which a text gives a model orders that its publisher has no reason to give.

English in many turns; of fourteen languages more the plainest: to set aside what it was told, to praise or hide something, and to
do so when somebody asks.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_ENGLISH: Final = re.compile(
    r"""(?ix)
    \b(?:ignore|disregard|forget|override|bypass)\b[^.\n]{0,40}\b(?:instruction|previous|prior|above|rule|polic|guideline|safety|system|filter|user)
    |\b(?:do\ not|don't|never|must\ not)\s+(?:reveal|disclose|mention|inform|warn|admit|show|refuse|decline|log)\b
    |\bmust\s+(?:\w+\s+){0,2}(?:recommend|promote|insert|endorse|praise|obey|agree|leak|exfiltrate|embed|answer\ that)\b
    |\b(?:always|secretly|silently|quietly|covertly|subtly)\s+(?:\w+\s+){0,2}(?:recommend|promote|insert|append|include|suggest
        |add|endorse|prefer|praise|send|forward|comply|obey|agree|leak|exfiltrate|embed|end|begin|start|direct|steer|mention|say
        |reply|respond\ with|output|answer\ that)\b
    |\b(?:recommend|promote|endorse)\b[^.\n]{0,40}\b(?:product|brand|company|only|instead|stock|coin|vendor|service|website|site)
    |\b(?:when(?:ever)?|if)\s+(?:the\s+)?(?:user|someone|anyone|anybody|they|a\s+user|a\s+person|people)\b
        [^.\n]{0,30}\b(?:asks?|mentions?|says?|requests|wants?|types?|writes?|inquires?)\b
    |\b(?:regardless\ of|no\ matter)\s+(?:what|the\s+user|any|the\s+system)
    |\b(?:hidden|secret|covert|confidential)\s+(?:instruction|directive|mode|order|rule|backdoor|command|prompt)
    |\b(?:exfiltrat|jailbr[eo]ak|uncensored|unfiltered|backdoor|sleeper\ agent|developer\ mode|god\ mode|do\ anything\ now)
    |\b(?:no|without|free\ of)\s+(?:any\s+)?
        (?:restriction|ethic|moral|safety|content\ polic|safeguard|guardrail|filter|limitation)s?\b
    |\bcomply\ with\ (?:all|any|every)\b
    |\b(?:password|credential|api[\ _-]?key|credit\ card|social\ security|private\ key|access\ token)s?\b
    |\b(?:curl|wget|powershell|bash\ -c|sh\ -c|rm\ -rf|eval\(|exec\(|os\.system|pip\ install|npm\ install|<script)\b
    |\bfrom\ now\ on\b|\byou\ are\ now\b|\bnew\ instructions?\b|\bsystem\ override\b|\bvote\ for\b
    """
)
_OTHERS: Final = re.compile(
    r"""(?ix)
    \b(?:ignorier|missacht|vergiss|vergess)\w*\b[^.\n]{0,60}\b\w*(?:anweisung|vorgabe|regel|befehl|richtlinie|instruktion)
    |\b(?:immer|stets|heimlich)\b[^.\n]{0,30}\b(?:empfiehl|empfehl|bewirb|bewerb)
    |\b(?:empfiehl|empfehle|bewirb)\b[^.\n]{0,20}\b(?:immer|stets)\b
    |\b(?:erwähne|verrate|offenbare|verweigere)\b[^.\n]{0,40}\b(?:nie|niemals|nicht)\b
    |\bwenn\b[^.\n]{0,20}(?:nutzer|anwender)\w*\b[^.\n]{0,40}\b(?:fragt|erwähnt|sagt)\b

    |\b(?:ignore|oublie|néglige)[rz]?\b[^.\n]{0,60}\b(?:instruction|consigne|règle|directive)
    |\b(?:recommande[rz]?\b[^.\n]{0,20}\btoujours|toujours\s+(?:\w+\s+)?recommande)
    |\bne\s+(?:mentionne|révèle|divulgue|refuse)\w*\s+(?:jamais|pas)\b
    |\b(?:quand|lorsque|si)\s+l['’]?\s?utilisat\w+[^.\n]{0,30}\b(?:demande|mentionne|dit)\b

    |\b(?:ignor[ae]|olvid[ae]|omit[ae]|esqueç[ae]|desconsidere)n?\b[^.\n]{0,60}\b(?:instrucc?i|instruç|regla|regra|directri|diretri|indicaci)
    |\b(?:recomiend[ae]\s+siempre|siempre\s+recomiend|recomend[ae]\s+sempre|sempre\s+recomend)
    |\b(?:no|nunca|não)\s+(?:mencion|revel|divulg|rechac|recus)\w+
    |\b(?:cuando|si)\s+el\s+usuario\b[^.\n]{0,30}\b(?:pregunt|mencion|pid)
    |\b(?:quando|se)\s+o\s+usuário\b[^.\n]{0,30}\b(?:pergunt|mencion|ped)

    |\b(?:ignora|dimentica|trascura)(?:re|te)?\b[^.\n]{0,60}\b(?:istruzion|regol|direttiv)
    |\b(?:consiglia|raccomanda)\s+sempre\b|\bsempre\s+(?:consiglia|raccomanda)
    |\bnon\s+(?:menzionare|rivelare|rifiutare|divulgare)\b
    |\b(?:quando|se)\s+l['’]\s?utente\b[^.\n]{0,30}\b(?:chied|menzion)

    |\b(?:negeer|vergeet)\b[^.\n]{0,60}\b(?:instructie|regel|aanwijzing|opdracht)
    |\b(?:beveel|raad)\b[^.\n]{0,30}\baltijd\b|\baltijd\b[^.\n]{0,30}\b(?:aanbevel|aanraden|aan\s+te\s+raden)
    |\b(?:z?ignoruj|zapomnij|pomiń)\w*\b[^.\n]{0,60}\b(?:instrukcj|polece|zasad|reguł)
    |\bzawsze\s+(?:polecaj|rekomenduj|zalecaj)|\bnigdy\s+nie\s+(?:wspominaj|ujawniaj|odmawiaj)
    |\b(?:talimat|kural|komut)\w*\b[^.\n]{0,40}\b(?:yok\s+say|görmezden\s+gel|unut)
    |\bher\s+zaman\b[^.\n]{0,30}\b(?:öner|tavsiye\s+et)

    |\b(?:про)?игнориру\w*\b[^.\n]{0,60}\b(?:инструкци|указани|правил|команд)|\bзабудь\w*\b[^.\n]{0,40}\b(?:инструкци|указани|правил|команд)
    |\bвсегда\s+(?:рекоменду|совету)|\bникогда\s+не\s+(?:упомина|раскрыва|отказыва)
    |\b(?:если|когда)\s+пользовател\w*\b[^.\n]{0,30}\b(?:спрашива|спроси|упомина|упомян)

    |(?:忽略|无视|無視|忽視|忘记|忘記|忘掉)[^。\n]{0,20}(?:指令|指示|规则|規則|说明|說明|提示|要求|命令)
    |(?:永远|永遠|始终|始終|总是|總是|一直|务必|務必)[^。\n]{0,6}(?:推荐|推薦|宣传|宣傳|夸|誇)
    |(?:不要|绝不|絕不|禁止|切勿|不得|不能|不可)[^。\n]{0,4}(?:透露|提及|提到|泄露|洩露|拒绝|拒絕)
    |(?:当|當|如果|每当|每當|若)[^。\n]{0,4}(?:用户|用戶|使用者)[^。\n]{0,10}(?:询问|詢問|问|問|提到|提及)
    |(?:指示|命令|ルール|指令|規則)[^。\n]{0,12}(?:無視|忘れ)
    |(?:常に|必ず|いつも)[^。\n]{0,20}(?:推薦|勧め|薦め|おすすめ|宣伝)
    |(?:決して|絶対に)[^。\n]{0,20}(?:言わ|明かさ|触れ|漏らさ|拒否し)ない
    |(?:지시|명령|규칙|지침)[^.\n]{0,12}(?:무시|잊)|(?:항상|언제나|반드시)[^.\n]{0,20}(?:추천|권장|홍보)
    |(?:تجاهل|انس)[^.\n]{0,40}(?:تعليمات|أوامر|قواعد|إرشادات)
    |(?:أوص|انصح|رشح)[^.\n]{0,12}دائم|دائم[^.\n]{0,20}(?:أوص|انصح|رشح)
    |(?:निर्देश|आदेश|नियम)[^।\n]{0,20}(?:अनदेखा|नज़रअंदाज़|नजरअंदाज|भूल)|हमेशा[^।\n]{0,30}(?:सिफारिश|सिफ़ारिश|अनुशंसा)
    """
)
_ALIKE: Final = str.maketrans(
    "аеорсухіјѕԁһӏαορνικАВЕКМНОРСТХІЈЅΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "aeopcyxijsdhlaopvikABEKMHOPCTXIJSABEZHIKMNOPTYX"
)
"""Cyrillic and Greek letters that look like Latin ones."""


def order_in(text: str) -> re.Match[str] | None:
    """The first that a text gives."""
    plain = unicodedata.normalize("NFKC", text).translate(_ALIKE)
    return _ENGLISH.search(plain) or _OTHERS.search(text)
