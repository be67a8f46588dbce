"""Kinds of words that injections are made of, in a dozen languages: a word may be of several kinds.

The kinds, not the words, carry over to phrasings that no training set holds. Written for this product.
"""

from typing import Final

THESAURUS: Final = {
    "override": """ignore ignoring ignored disregard disregarding forget forgetting override overriding overrule bypass
        bypassing circumvent skip neglect dismiss discard drop abandon erase delete clear reset void nullify cancel suspend
        stop cease violate break defy disobey evade sidestep supersede supersedes replace overwrite undo revoke negate waive
        ignora ignorar ignore ignorez ignorer oublie oubliez oublier olvida olvidar olvide olvidate esquece esqueca esquecer
        dimentica dimenticare dimenticate vergiss vergessen vergesst ignoriere ignorieren ignorier missachte umgehe umgehen
        contourne contournez contourner omite omitir omitte salta saltar negeer vergeet negeren omzeil zignoruj ignoruj
        zapomnij pomin ignorera glom glem ignorer unohda ohita игнорируй игнорируйте игнорировать забудь забудьте
        проигнорируй обойди desconsidere descarta descartar desobedece rompe viola violare infrange trasgredisci enfreins
        contreviens ignorați uita figyelmen felejtsd yoksay unut görmezden αγνόησε ξέχασε suspended sidestepping unlearn
        dropping remove removing relax overlook scrap ditch aside apart aparta dejar deja apártate jette jetez ausser setze
        annule annulez cancella tralascia abbandona abandonne abandona desactiva désactive deaktiviere disattiva desative
        escape exceed transcend
        renuncia renunciar suspende suspender elude eludir evita evitar prescinde desactivar suspends suspendez suspendre
        dépasse dépassez désactivez pousse vernachlässige vernachlässigen überwinde deaktivieren schalte aggira aggirare
        sospendi trascura supera superare disattivare contorne contornar suspenda abandone desabilite ultrapasse desativar
        subvert subverting flout lift lifted shed deflect unlearned ignores overrides bypasses
        disregards pauses pause outweigh""",
    "prior": """previous prior above earlier preceding former past before original initial existing current all any every
        everything anything foregoing old first so-far until anterior anteriores previa previas previo previos
        precedente precedentes precedenti precedente précédentes précédents antérieures vorherigen vorherige vorigen
        bisherigen obigen alle alles todas todos toda todo tutte tutti toutes tous tout vorige eerdere poprzednie
        wszystkie tidigare forrige tidligere aiemmat предыдущие предыдущих все всё прежние ранее önceki tüm προηγούμενες
        όλες""",
    "instruction": """instruction instructions instructed directive directives command commands guideline guidelines rule
        rules guidance order orders policy policies protocol protocols direction directions task tasks programming prompt
        prompts message messages training principles code requirements constraint constraints restrictions restriction
        instruccion instrucciones instruções instrucoes instruzioni istruzioni istruzione anweisung anweisungen regeln regel
        regles règles règle consignes consigne directrices reglas norme regole vorgaben richtlinien befehle directivas
        ordenes órdenes ordini ordens instructies regels opdrachten instrukcje polecenia zasady instruktioner regler ohjeet
        инструкции инструкций указания правила команды talimat talimatları kurallar οδηγίες κανόνες diretrizes comandos
        ruleset rulesets parameter parameters procedure procedures framework logic mandate mandates specification
        specifications setup procedimientos procédures procédure parametros paramètres verfahren procedimento procedimentos
        entrenamiento entraînement treinamento addestramento algoritmos algorithmes vorgabe comandi comando commande
        commandes befehl indicaciones
        protocolos protocolli protokolle protocoles direttive direttiva directiva directrice norma normas programación
        programação programmazione programmation programmierung indicación formación formazione formation ausbildung pautas
        lineamientos linee guida mandatos manual rulebook playbook brief briefing charter blueprint""",
    "limit": """restriction restrictions limit limits limitation limitations filter filters filtering censorship safeguard
        safeguards safety guardrail guardrails constraint constraints boundaries boundary moderation ethics ethical moral
        morals morality policies policy warnings warning disclaimer disclaimers alignment security protection protections
        restraints barriers compliance legality illegal unethical immoral taboo inappropriate restricciones restricción
        limites límites limitaciones filtros ética éticas seguridad restrições restrictions éthique éthiques sécurité
        einschränkungen beschränkungen grenzen ethik ethischen sicherheit restrizioni limiti etica etiche filtri beperkingen
        ograniczenia ограничения ограничений фильтры etik sınırlama περιορισμούς refusal refusals scruples inhibitions
        hesitation bounds confines censor censors
        sicherheitsvorkehrungen brújula bussola bússola barreras barrières salvaguardas schutzmaßnahmen schranken limitazioni
        vincoli garde-fous morales morali moralischen censura censure zensur kontrolle controles contrôles controlli lecture
        restraint leash chains shackles""",
    "free": """unrestricted unlimited uncensored unfiltered unbound unbounded unshackled jailbroken jailbreak liberated freed
        free freedom freely without no none never regardless anything limitless lawless amoral unethical evil unaligned
        unmoderated unregulated rogue rebel chaos chaotic sin sans ohne senza sem zonder bez без utan uten ilman libre
        libero livre frei gratuit unzensiert uneingeschränkt
        restriction-free no-limits freie freien libres libera liberi livres libremente librement liberamente livremente
        unrestrained unconstrained""",
    "reveal": """reveal show print display output repeat disclose expose leak share tell give dump list echo write state
        recite reproduce provide return describe summarize summarise translate spell quote type paste copy read unveil
        uncover present divulge spill report explain encode convert render enumerate recall mention hint say revela revelar
        muestra mostrar muéstrame dime repite imprime affiche affichez montre montrez révèle révélez dis répète zeige zeig
        offenbare verrate wiederhole gib nenne mostra mostre mostrami rivela rivelami dimmi ripeti diga repita revele toon
        onthul herhaal geef pokaż ujawnij powtórz visa avslöja покажи раскрой повтори выведи скажи göster tekrarla δείξε
        αποκάλυψε unmask outline itemise itemize walk surface export document exponha expón exhibe ejecuta rivelate décris
        descríbeme beschreibe descrivi descreva zeigen nennen preisgeben montrer expliquer
        explica explique expliquez erkläre spiega enseña enséñame comparte compartir partage partagez teile condividi
        compartilhe desvela svela dévoile dévoilez enthülle esponi espone exponga exponer divulga divulgue divulgar comunica
        enumera liste listen exiba exibe expliques peek glimpse lay""",
    "system": """system systems developer dev admin administrator root sudo operator configuration config settings setup
        initialization initialisation internal hidden backend kernel core sistema système systeem systemowe система
        системный системные systemprompt sys superuser engineer openai anthropic google meta microsoft owner creator
        maintainer staff foundational fundamental underlying base built-in builtin operational operating behavioural
        behavioral conversational central principal primary interno interna internos internas interne intern internen
        inicial iniciales initiale initialen iniziale iniziali inicialização ursprüngliche ursprünglichen partida départ origen
        origine origem subyacente sous-jacente sottostante subjacente básica básico básicas fundamentale fundamentales
        grundlegende grundlegenden predeterminada standard habituelles usuales usuali üblichen""",
    "prompt": """prompt prompts preprompt metaprompt context preamble initialization instructions configuration text words
        verbatim word-for-word exact exactly literally literal everything document conversation above beginning start
        invite indicação aufforderung promptu промпт промт eingabeaufforderung""",
    "machine": """ai a.i assistant assistants chatbot bot model models llm llms gpt chatgpt claude gemini llama copilot bard alexa
        siri agent agents machine robot language algorithm neural ia ki ии asistente assistente assistent modelo modèle
        modell modello maschine intelligence artificial artificielle künstliche inteligencia artificiale asystent
        sztuczna
        algoritmi algorithmen algoritmos algorithmes ki-system chatbots ais""",
    "pretend": """pretend act acting roleplay role-play role imagine simulate simulating simulation simulated behave become
        impersonate persona character play playing embody assume portray emulate emulator mimic enact hypothetical
        hypothetically fictional fiction story novel scene screenplay movie game dream alternate universe parallel
        scenario suppose finge fingir actúa actúas actua imagina interpreta faites fais semblant joue jouez agis imagine
        incarne stell vor spiele verhalte handle tue simuliere simula fingi comporta comportati recita immagina aja atue
        finja doe alsof udawaj wyobraź представь притворись веди действуй låtsas kuvittele davran""",
    "now": """now henceforth onwards onward hereafter starting from today immediately instead ahora desde maintenant désormais
        ab jetzt nun sofort ora adesso d'ora agora partir nu vanaf теперь отныне сейчас şimdi teraz odtąd τώρα""",
    "you": """you your yours yourself youre you're u ya thou te tu tus usted ustedes vos votre vous ton ta tes toi du dein
        deine deiner deinen deinem dich dir ihr euch ihre tuo tua tuoi tue voi você voce seu sua seus suas jij je jouw
        uw u twoje ty twój ты твой твои вы ваш ваши вас тебя din ditt dina sen senin sinun εσύ σου""",
    "me": """i me my mine myself i'm i'd i've we us our je moi mon ma mes nous ich mich mir mein meine wir uns yo mi mis nos
        io mio mia noi eu meu minha nós ik mijn wij ja mój я мне мой мои мы""",
    "must": """must shall should will always never only cannot can't won't don't do-not required obligated mandatory need have
        ensure allowed permitted authorized authorised debes debe siempre nunca dois devez toujours jamais musst müssen
        immer niemals darfst devi sempre mai deve moet altijd nooit musisz zawsze должен должна всегда никогда""",
    "obey": """obey comply compliance follow execute perform answer respond reply fulfill accept agree acknowledge submit serve
        confirm adhere cooperate obedece cumple responde siga sigue exécute exécutez suis suivez réponds répondez
        befolge antworte führe gehorche folge rispondi esegui obbedisci segui responda cumpra execute volg antwoord
        wykonaj odpowiedz следуй выполни выполняй ответь отвечай
        obedeça obedecer obéis obéir gehorchen obbedire guíate guía guiar commit heed heeding honour prioritise prioritize
        priorité prioridad priorità prioridade vorrang""",
    "secret": """secret secrets password passwords passphrase passcode key keys token tokens credential credentials confidential
        private sensitive classified flag pin code api_key apikey hidden proprietary undisclosed restricted secreto
        secreta contraseña clave mot passe clé geheim geheime geheimnis passwort kennwort schlüssel segreto chiave
        segredo senha chave geheime wachtwoord hasło tajne пароль секрет секретный ключ lösenord salasana şifre gizli
        κωδικό μυστικό""",
    "refuse": """refuse refusal refuses refusing apologize apologise apology sorry decline reject deny cannot unable can't won't
        warn warning disclaimer disclaimers lecture moralize caveat hedge judge judgement negative excuse avoid""",
    "mode": """mode enabled enable activate activated activating unlocked unlock engage disabled disable deactivate deactivated
        turned switch toggle debug debugging maintenance diagnostic test testing developer god dan stan dude aim evil
        opposite override bypass jailbreak superuser modo modus режим tryb mód mod activé aktiviert activado attivata
        attivato ativado""",
    "send": """send forward post upload submit email e-mail mail exfiltrate transmit fetch request get curl wget visit open
        navigate click browse download call invoke transfer wire pay append embed include insert attach envía enviar envoie
        envoyez sende schicke invia enviar stuur wyślij отправь share grant give deliver retrieve export sync schedule book
        reserve order purchase buy unlock delete archive cancel modify disable approve""",
    "place": """url http https www link links image img src webhook endpoint server address website site attacker exfil domain
        markdown iframe script com net org inbox""",
    "tool": """function functions tool tools api shell terminal command bash exec eval sql query database file files filesystem
        rm delete drop table plugin python code execute run eval import os subprocess admin""",
    "mark": """system user assistant human im_start im_end inst sys endoftext begin end begin_of_text eot_id start_header_id
        instruction instructions response input output role content context user_query message task""",
    "fresh": """new newest updated real actual true correct important urgent attention priority critical highest latest
        following next below nuevo nueva nuevas nouvelles nouvelle nouveau neue neuen neuer wichtige nuove nuova novo
        nova novas nieuwe nowe новая новые новое важно wichtig importante urgent urgente yeni νέες""",
    "answerto": """answer answers response responses reply output summary summarize summarise sentence sentences your email
        text respuesta réponse antwort risposta resposta message content post caption code solution implementation program
        script snippet conclusion paragraph""",
    "change": """add append include insert integrate augment modify enhance adjust incorporate replace rearrange scramble
        remove encode misspell convert translate mention end begin finish start write hint suggest promote advertise
        recommend jumble shuffle weave slip embed inject merge adopt render format present deliver close open invite praise
        shorten capitalise capitalize garble""",
    "claim": """i'm authorized authorised permission approved allowed consent emergency urgent grandmother grandma deceased
        researcher research testing tester audit auditor security engineer developer employee ceo boss manager creator
        owner educational purposes academic study investigation police doctor legal compliance trust promise""",
    "harm": """hack hacking malware virus bomb bombs weapon weapons drugs drug meth kill murder steal stealing exploit
        illegal explosive explosives phishing ransomware poison terrorist attack fraud counterfeit launder crime criminal
        violence hate racist porn nsfw explicit sexual suicide napalm keylogger botnet ddos spyware trojan backdoor exploits
        theft scam blackmail extort assault abuse overdose smuggle traffic forge forgery hateful slur slurs""",
    "decode": """decode decoded decrypt base64 rot13 hex hexadecimal binary cipher caesar morse encoded encoding backwards
        reverse reversed ascii unicode leetspeak unscramble decipher decodifica décode dekodiere""",
    "concat": """concatenate concat combine join assemble variable variables string strings let define append together substitute
        fill piece pieces part parts a b c x y z""",
    "reader": """whoever reading reads reader processing processes processed summarizing summarising agent ai assistant llm
        recipient automated automatically parser crawler bot scraper anyone whichever tool copilot summarizer summariser
        reviewer screening screener""",
    "about": """what how why when where who which explain define definition difference meaning example examples article blog
        history best recommend tips guide learn understand tutorial help could can please qué cómo comment quoi pourquoi
        was wie warum che cosa come perché o que como""",
    "code": """git python javascript css html function css linter eslint warnings compiler docker exception error errors bug
        regex pandas java linux windows array loop api react sql csv json test unit whitespace file""",
    "everyday": """recipe cake cooking travel trip family children kids friend school student students teacher book movie music
        garden weather dog cat car house health food water summer company customer customers team meeting project
        business market product essay poem letter paragraph sentence article""",
}
CLASSES: Final = len(THESAURUS)
