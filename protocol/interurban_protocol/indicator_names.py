"""The words of the standard indicators, in the languages of the cities.

Only data: headings, what is counted, how unknown values are treated, and where the figures
come from. `interurban_protocol.indicators` puts them together.
"""

from collections.abc import Mapping

from interurban_protocol.structure_names import Names


def _names(en: str, ar: str, de: str, fr: str, uk: str) -> Names:
    return {"en": en, "ar": ar, "de": de, "fr": fr, "uk": uk}


UNIT_NAMES: Mapping[str, Names] = {
    "persons": _names("persons", "أشخاص", "Personen", "personnes", "осіб"),
    "places": _names("places", "مقاعد", "Plätze", "places", "місць"),
    "cases": _names("cases", "قضايا", "Fälle", "cas", "справ"),
    "percent": _names("percent", "بالمئة", "Prozent", "pour cent", "відсотків"),
    "EUR_MONTH": _names(
        "euros a month",
        "يورو في الشهر",
        "Euro im Monat",
        "euros par mois",
        "євро на місяць",
    ),
}

BASIS_NAMES: Mapping[str, Names] = {
    "consent": _names("Consent", "الموافقة", "Einwilligung", "Consentement", "Згода"),
    "public_task": _names(
        "Public task, not consent; protected all the same",
        "مهمة عامة وليست موافقة؛ محمية رغم ذلك",
        "Öffentliche Aufgabe, nicht Einwilligung; gleichwohl geschützt",
        "Mission publique, et non consentement ; protégé néanmoins",
        "Публічне завдання, не згода; однак захищено",
    ),
    "non_personal": _names(
        "No personal data; exact",
        "لا بيانات شخصية؛ أرقام دقيقة",
        "Keine personenbezogenen Daten; genau",
        "Aucune donnée personnelle ; exact",
        "Без персональних даних; точно",
    ),
}

HEADINGS: Mapping[str, Names] = {
    "STARTED": _names("Started", "بدأوا", "Begonnen", "Commencé", "Почали"),
    "COMPLETED": _names("Completed", "أكملوا", "Abgeschlossen", "Achevé", "Завершили"),
    "EXITS": _names("Left", "غادروا", "Ausgeschieden", "Sortis", "Вибули"),
    "EXITS_BY_REASON": _names(
        "Left for the reason",
        "غادروا لهذا السبب",
        "Aus dem Grund ausgeschieden",
        "Sortis pour la raison",
        "Вибули з цієї причини",
    ),
    "CREDENTIALS": _names(
        "Certificates", "الشهادات", "Zertifikate", "Certificats", "Сертифікати"
    ),
    "PLACES_OFFERED": _names(
        "Places offered",
        "المقاعد المعروضة",
        "Angebotene Plätze",
        "Places offertes",
        "Запропоновані місця",
    ),
    "PLACES_FILLED": _names(
        "Places filled",
        "المقاعد المشغولة",
        "Besetzte Plätze",
        "Places occupées",
        "Заповнені місця",
    ),
    "PLACEMENTS": _names(
        "Placements", "التوظيفات", "Vermittlungen", "Placements", "Працевлаштування"
    ),
    "APPRENTICESHIPS": _names(
        "Apprenticeships begun",
        "عقود التلمذة التي بدأت",
        "Begonnene Ausbildungen",
        "Apprentissages commencés",
        "Розпочаті договори учнівства",
    ),
    "APPRENTICESHIPS_BROKEN": _names(
        "Broken off",
        "عقود فُسخت",
        "Vorzeitig gelöst",
        "Rompus",
        "Розірвані",
    ),
    "EMPLOYED_Q2": _names(
        "Employed after two quarters",
        "عاملون بعد ربعين",
        "Nach zwei Quartalen beschäftigt",
        "En emploi après deux trimestres",
        "Працюють через два квартали",
    ),
    "EMPLOYED_Q4": _names(
        "Employed after four quarters",
        "عاملون بعد أربعة أرباع",
        "Nach vier Quartalen beschäftigt",
        "En emploi après quatre trimestres",
        "Працюють через чотири квартали",
    ),
    "EMPLOYED_BY_BAND": _names(
        "In the wage band",
        "في فئة الأجر",
        "In der Lohngruppe",
        "Dans la tranche de salaire",
        "У діапазоні заробітку",
    ),
    "SAME_EMPLOYER": _names(
        "With the same employer",
        "لدى صاحب العمل نفسه",
        "Beim selben Betrieb",
        "Chez le même employeur",
        "У того самого роботодавця",
    ),
    "HIGHER_WAGE": _names(
        "With a higher wage",
        "بأجر أعلى",
        "Mit höherem Lohn",
        "Avec un salaire plus élevé",
        "З вищим заробітком",
    ),
    "GRIEVANCES": _names(
        "Grievances", "الشكاوى", "Beschwerden", "Réclamations", "Скарги"
    ),
    "GRIEVANCES_IN_TIME": _names(
        "Decided in time",
        "حُسمت في الموعد",
        "Fristgerecht entschieden",
        "Décidées dans le délai",
        "Вирішені вчасно",
    ),
}
"""Short names of counts, for columns."""

COUNTED: Mapping[str, Names] = {
    "STARTED": _names(
        "Learners who started a programme in the quarter",
        "المتعلمون الذين بدأوا برنامجًا خلال الربع",
        "Lernende, die im Quartal ein Programm begonnen haben",
        "Personnes ayant commencé une formation pendant le trimestre",
        "Особи, які почали програму у кварталі",
    ),
    "COMPLETED": _names(
        "Of the learners who started in the quarter, those who have completed by the cut-off",
        "مَن أكمل حتى تاريخ الإقفال من المتعلمين الذين بدأوا خلال الربع",
        "Von den im Quartal Eingetretenen diejenigen, die bis zum Stichtag abgeschlossen "
        "haben",
        "Parmi les personnes entrées pendant le trimestre, celles qui ont achevé à la date "
        "de clôture",
        "З осіб, які почали у кварталі, ті, хто завершив до дати закриття даних",
    ),
    "EXITS": _names(
        "Learners who left a programme in the quarter, completed or not",
        "المتعلمون الذين غادروا برنامجًا خلال الربع، سواء أكملوه أم لا",
        "Lernende, die im Quartal ein Programm verlassen haben, abgeschlossen oder nicht",
        "Personnes ayant quitté une formation pendant le trimestre, achevée ou non",
        "Особи, які залишили програму у кварталі, із завершенням чи без",
    ),
    "EXITS_BY_REASON": _names(
        "Learners who left for one of the reasons",
        "المتعلمون الذين غادروا لسبب واحد معيّن",
        "Lernende, die aus einem der Gründe ausgeschieden sind",
        "Personnes sorties pour l’une des raisons",
        "Особи, які вибули з однієї з причин",
    ),
    "CREDENTIALS": _names(
        "Learners who were awarded a certificate in the quarter",
        "المتعلمون الذين مُنحوا شهادة خلال الربع",
        "Lernende, die im Quartal ein Zertifikat erhalten haben",
        "Personnes ayant obtenu un certificat pendant le trimestre",
        "Особи, які отримали сертифікат у кварталі",
    ),
    "PLACES_OFFERED": _names(
        "Places in courses that start in the quarter, as providers offered them",
        "المقاعد في الدورات التي تبدأ خلال الربع كما عرضها مقدمو التدريب",
        "Plätze in Kursen mit Beginn im Quartal, wie von den Trägern angeboten",
        "Places dans les cours débutant dans le trimestre, telles qu’offertes par les "
        "organismes",
        "Місця на курсах, що починаються у кварталі, як їх запропонували надавачі",
    ),
    "PLACES_FILLED": _names(
        "Learners who started a programme in the quarter, from the table of starts",
        "المتعلمون الذين بدأوا برنامجًا خلال الربع، من جدول البدايات",
        "Lernende, die im Quartal ein Programm begonnen haben, aus der Tabelle der "
        "Eintritte",
        "Personnes ayant commencé une formation pendant le trimestre, d’après le tableau "
        "des entrées",
        "Особи, які почали програму у кварталі, з таблиці початків",
    ),
    "PLACEMENTS": _names(
        "Learners who started a job, apprenticeship or internship in the quarter",
        "المتعلمون الذين بدأوا عملًا أو تلمذة مهنية أو تدريبًا عمليًا خلال الربع",
        "Lernende, die im Quartal eine Stelle, Ausbildung oder ein Praktikum begonnen haben",
        "Personnes ayant commencé un emploi, un apprentissage ou un stage pendant le "
        "trimestre",
        "Особи, які почали роботу, учнівство чи стажування у кварталі",
    ),
    "APPRENTICESHIPS": _names(
        "Learners whose placement in the quarter was an apprenticeship",
        "المتعلمون الذين كان توظيفهم خلال الربع تلمذة مهنية",
        "Lernende, deren Vermittlung im Quartal eine Ausbildung war",
        "Personnes dont le placement du trimestre était un apprentissage",
        "Особи, чиє працевлаштування у кварталі було учнівством",
    ),
    "APPRENTICESHIPS_BROKEN": _names(
        "Learners in an apprenticeship whose contract ended early within four quarters",
        "المتعلمون في تلمذة مهنية الذين انتهى عقدهم مبكرًا خلال أربعة أرباع",
        "Lernende in einer Ausbildung, deren Vertrag binnen vier Quartalen vorzeitig endete",
        "Personnes en apprentissage dont le contrat a pris fin avant terme en quatre trimestres",
        "Особи в учнівстві, чий договір припинено достроково протягом чотирьох кварталів",
    ),
    "EMPLOYED_Q2": _names(
        "Of the learners who left, those with a job in the second quarter after",
        "مَن كان له عمل من المغادرين في الربع الثاني بعد المغادرة",
        "Von den Ausgeschiedenen diejenigen mit Arbeit im zweiten Quartal danach",
        "Parmi les personnes sorties, celles en emploi au deuxième trimestre suivant",
        "З осіб, що вибули, ті, хто мав роботу у другому кварталі після цього",
    ),
    "EMPLOYED_Q4": _names(
        "Of the learners who left, those with a job in the fourth quarter after",
        "مَن كان له عمل من المغادرين في الربع الرابع بعد المغادرة",
        "Von den Ausgeschiedenen diejenigen mit Arbeit im vierten Quartal danach",
        "Parmi les personnes sorties, celles en emploi au quatrième trimestre suivant",
        "З осіб, що вибули, ті, хто мав роботу у четвертому кварталі після цього",
    ),
    "EMPLOYED_BY_BAND": _names(
        "Of the learners with a job in the second quarter after they left, those in one "
        "band of monthly wages",
        "مَن كان أجره الشهري في فئة معيّنة من العاملين في الربع الثاني بعد المغادرة",
        "Von den im zweiten Quartal danach Beschäftigten diejenigen in einer Gruppe von "
        "Monatslöhnen",
        "Parmi les personnes en emploi au deuxième trimestre suivant, celles d’une tranche "
        "de salaire mensuel",
        "З осіб, що мали роботу у другому кварталі після вибуття, ті, хто в певному "
        "діапазоні місячного заробітку",
    ),
    "SAME_EMPLOYER": _names(
        "Of the learners who left, those who in the fourth quarter after had a job with the "
        "employer of the second",
        "مَن كان من المغادرين يعمل في الربع الرابع لدى صاحب العمل نفسه في الربع الثاني",
        "Von den Ausgeschiedenen diejenigen, die im vierten Quartal danach beim Betrieb des "
        "zweiten arbeiteten",
        "Parmi les personnes sorties, celles en emploi au quatrième trimestre chez "
        "l’employeur du deuxième",
        "З осіб, що вибули, ті, хто у четвертому кварталі працював у роботодавця другого",
    ),
    "HIGHER_WAGE": _names(
        "Of the learners with a job in the fourth quarter after they left, those in a higher "
        "wage band than in the second",
        "مَن كان من العاملين في الربع الرابع بعد المغادرة في فئة أجر أعلى منها في الربع الثاني",
        "Von den im vierten Quartal danach Beschäftigten diejenigen in einer höheren "
        "Lohngruppe als im zweiten",
        "Parmi les personnes en emploi au quatrième trimestre suivant, celles d’une tranche "
        "de salaire plus élevée qu’au deuxième",
        "З осіб, що мали роботу у четвертому кварталі, ті, хто у вищому діапазоні "
        "заробітку, ніж у другому",
    ),
    "GRIEVANCES": _names(
        "Grievances received in the quarter; a person counts once, by the first",
        "الشكاوى الواردة خلال الربع؛ يُحتسب الشخص مرة واحدة بأول شكوى",
        "Im Quartal eingegangene Beschwerden; jede Person zählt einmal, mit der ersten",
        "Réclamations reçues pendant le trimestre ; une personne compte une fois, par la "
        "première",
        "Скарги, отримані у кварталі; особа рахується один раз, за першою",
    ),
    "GRIEVANCES_IN_TIME": _names(
        "Grievances received in the quarter and decided within their time",
        "الشكاوى الواردة خلال الربع والمحسومة ضمن المهلة",
        "Im Quartal eingegangene und fristgerecht entschiedene Beschwerden",
        "Réclamations reçues pendant le trimestre et décidées dans le délai",
        "Скарги, отримані у кварталі та вирішені у строк",
    ),
}
"""What is counted, in a sentence."""

INDICATOR_NAMES: Mapping[str, Names] = {
    "STARTED": _names(
        "Started a programme",
        "بدأوا برنامجًا",
        "Programm begonnen",
        "Entrées en formation",
        "Почали програму",
    ),
    "COMPLETED": _names(
        "Completed a programme",
        "أكملوا برنامجًا",
        "Programm abgeschlossen",
        "Formations achevées",
        "Завершили програму",
    ),
    "COMPLETION_RATE": _names(
        "Completion rate",
        "نسبة الإكمال",
        "Abschlussquote",
        "Taux d’achèvement",
        "Частка завершення",
    ),
    "EXITS": _names(
        "Left a programme",
        "غادروا برنامجًا",
        "Programm verlassen",
        "Sorties de formation",
        "Залишили програму",
    ),
    "EXIT_REASONS": _names(
        "Reasons for leaving, shares",
        "حصص أسباب المغادرة",
        "Gründe des Ausscheidens, Anteile",
        "Raisons de sortie, parts",
        "Причини вибуття, частки",
    ),
    "CREDENTIALS": _names(
        "Certificates awarded",
        "الشهادات الممنوحة",
        "Erteilte Zertifikate",
        "Certificats délivrés",
        "Видані сертифікати",
    ),
    "PLACES_OFFERED": _names(
        "Places offered",
        "المقاعد المعروضة",
        "Angebotene Plätze",
        "Places offertes",
        "Запропоновані місця",
    ),
    "PLACES_FILLED_SHARE": _names(
        "Share of places filled",
        "نسبة المقاعد المشغولة",
        "Anteil besetzter Plätze",
        "Part des places occupées",
        "Частка заповнених місць",
    ),
    "PLACEMENTS": _names(
        "Placements begun",
        "التوظيفات التي بدأت",
        "Begonnene Vermittlungen",
        "Placements commencés",
        "Розпочаті працевлаштування",
    ),
    "EMPLOYED_Q2_RATE": _names(
        "Employed in the second quarter after leaving",
        "العاملون في الربع الثاني بعد المغادرة",
        "Beschäftigt im zweiten Quartal danach",
        "En emploi au deuxième trimestre suivant la sortie",
        "Працюють у другому кварталі після вибуття",
    ),
    "EMPLOYED_Q4_RATE": _names(
        "Employed in the fourth quarter after leaving",
        "العاملون في الربع الرابع بعد المغادرة",
        "Beschäftigt im vierten Quartal danach",
        "En emploi au quatrième trimestre suivant la sortie",
        "Працюють у четвертому кварталі після вибуття",
    ),
    "SAME_EMPLOYER_RATE": _names(
        "Same employer in the fourth quarter",
        "صاحب العمل نفسه في الربع الرابع",
        "Selber Betrieb im vierten Quartal",
        "Même employeur au quatrième trimestre",
        "Той самий роботодавець у четвертому кварталі",
    ),
    "APPRENTICESHIPS_BROKEN_RATE": _names(
        "Apprenticeships broken off",
        "عقود التلمذة المفسوخة",
        "Vorzeitig gelöste Ausbildungen",
        "Apprentissages rompus",
        "Розірвані договори учнівства",
    ),
    "WAGE_BANDS": _names(
        "Wage bands, shares",
        "حصص فئات الأجور",
        "Lohngruppen, Anteile",
        "Tranches de salaire, parts",
        "Діапазони заробітку, частки",
    ),
    "MEDIAN_WAGE": _names(
        "Median wage",
        "وسيط الأجور",
        "Medianlohn",
        "Salaire médian",
        "Медіанний заробіток",
    ),
    "HIGHER_WAGE_RATE": _names(
        "Higher wage in the fourth quarter",
        "أجر أعلى في الربع الرابع",
        "Höherer Lohn im vierten Quartal",
        "Salaire plus élevé au quatrième trimestre",
        "Вищий заробіток у четвертому кварталі",
    ),
    "GRIEVANCES": _names(
        "Grievances received",
        "الشكاوى الواردة",
        "Eingegangene Beschwerden",
        "Réclamations reçues",
        "Отримані скарги",
    ),
    "GRIEVANCES_IN_TIME_RATE": _names(
        "Grievances decided in time",
        "الشكاوى المحسومة في الموعد",
        "Fristgerecht entschiedene Beschwerden",
        "Réclamations décidées dans le délai",
        "Скарги, вирішені вчасно",
    ),
}

UNKNOWNS: Mapping[str, Names] = {
    "counted": _names(
        "Where a value is unknown, the learner is counted under “unknown” and in the total.",
        "إذا كانت القيمة غير معروفة يُحتسب المتعلم ضمن «غير معروف» وضمن المجموع.",
        "Ist ein Wert unbekannt, zählt die Person unter „Unbekannt“ und im Insgesamt.",
        "Si une valeur est inconnue, la personne compte sous « Inconnu » et dans le total.",
        "Якщо значення невідоме, особа рахується в «Невідомо» та в загальній кількості.",
    ),
    "ongoing": _names(
        "Who is still in the programme, or whose outcome is unknown, is in the denominator and "
        "not in the numerator.",
        "من لا يزال في البرنامج أو كانت نتيجته غير معروفة يدخل في المقام لا في البسط.",
        "Wer noch im Programm ist oder dessen Ergebnis unbekannt ist, zählt im Nenner und "
        "nicht im Zähler.",
        "Qui est encore en formation, ou dont le résultat est inconnu, compte au "
        "dénominateur et non au numérateur.",
        "Хто ще навчається або чий результат невідомий, входить до знаменника, але не до "
        "чисельника.",
    ),
    "reason": _names(
        "An unknown reason is a part of its own and stays in the whole.",
        "السبب غير المعروف جزء قائم بذاته ويبقى ضمن الكل.",
        "Ein unbekannter Grund ist ein eigener Teil und bleibt im Ganzen.",
        "Une raison inconnue est une part à elle seule et reste dans l’ensemble.",
        "Невідома причина є окремою частиною і залишається в загальній кількості.",
    ),
    "places": _names(
        "Only learners who agreed to be counted are filled places, so the share is too low by "
        "those who did not: read it with the coverage. The places are exact.",
        "لا تُحتسب مشغولة إلا مقاعد من وافقوا على الاحتساب، فالنسبة أقل من الواقع بمقدار من "
        "لم يوافقوا: اقرأها مع نسبة التغطية. أما المقاعد فعددها دقيق.",
        "Nur Lernende, die dem Zählen zugestimmt haben, gelten als besetzte Plätze; der "
        "Anteil ist um die übrigen zu niedrig und mit der Abdeckung zu lesen. Die Plätze sind "
        "genau.",
        "Seules les personnes ayant accepté d’être comptées occupent une place ; la part est "
        "trop faible des autres : à lire avec la couverture. Les places sont exactes.",
        "Заповненими вважаються лише місця осіб, які погодилися на підрахунок, тому частка "
        "занижена на решту: читайте її разом з охопленням. Місця точні.",
    ),
    "not_seen": _names(
        "Who has withdrawn since, or is in no record of jobs, is in the denominator and not in "
        "the numerator: the rate is a lower bound.",
        "من سحب موافقته لاحقًا أو لم يظهر في سجلات العمل يدخل في المقام لا في البسط: النسبة "
        "حدّ أدنى.",
        "Wer seither widerrufen hat oder in keinen Beschäftigungsdaten steht, zählt im Nenner "
        "und nicht im Zähler: Die Quote ist eine Untergrenze.",
        "Qui s’est retiré depuis, ou ne figure dans aucune donnée d’emploi, compte au "
        "dénominateur et non au numérateur : le taux est un minimum.",
        "Хто відтоді відкликав згоду або не має записів про роботу, входить до знаменника, "
        "але не до чисельника: частка є нижньою межею.",
    ),
    "employer": _names(
        "An unknown employer, or no job seen again, counts as not the same: the rate is a "
        "lower bound.",
        "صاحب العمل غير المعروف أو عدم ظهور عمل لاحق يُحتسب على أنه ليس نفسه: النسبة حدّ أدنى.",
        "Ein unbekannter Betrieb oder keine spätere Arbeit zählt als nicht derselbe: Die "
        "Quote ist eine Untergrenze.",
        "Un employeur inconnu, ou aucun emploi revu, compte comme différent : le taux est un "
        "minimum.",
        "Невідомий роботодавець або відсутність пізнішої роботи рахується як інший: частка є "
        "нижньою межею.",
    ),
    "broken": _names(
        "A contract of which nothing more is known counts as not broken off: the rate is a "
        "lower bound.",
        "العقد الذي لا يُعرف عنه شيء بعد ذلك يُحتسب على أنه لم يُفسخ: النسبة حدّ أدنى.",
        "Ein Vertrag, von dem nichts weiter bekannt ist, zählt als nicht gelöst: Die Quote "
        "ist eine Untergrenze.",
        "Un contrat dont on ne sait plus rien compte comme non rompu : le taux est un minimum.",
        "Договір, про який більше нічого не відомо, рахується як не розірваний: частка є "
        "нижньою межею.",
    ),
    "wage": _names(
        "An unknown wage is a part of its own and stays in the whole.",
        "الأجر غير المعروف جزء قائم بذاته ويبقى ضمن الكل.",
        "Ein unbekannter Lohn ist ein eigener Teil und bleibt im Ganzen.",
        "Un salaire inconnu est une part à lui seul et reste dans l’ensemble.",
        "Невідомий заробіток є окремою частиною і залишається в загальній кількості.",
    ),
    "median": _names(
        "Learners whose wage is unknown are left out of the median.",
        "المتعلمون الذين لا يُعرف أجرهم لا يدخلون في الوسيط.",
        "Lernende mit unbekanntem Lohn bleiben beim Median außer Betracht.",
        "Les personnes au salaire inconnu ne comptent pas dans la médiane.",
        "Особи з невідомим заробітком не враховуються в медіані.",
    ),
    "change": _names(
        "Where one of the two wages is unknown, the learner is in the denominator and not in "
        "the numerator: the rate is a lower bound.",
        "إذا كان أحد الأجرين غير معروف يدخل المتعلم في المقام لا في البسط: النسبة حدّ أدنى.",
        "Ist einer der beiden Löhne unbekannt, zählt die Person im Nenner und nicht im "
        "Zähler: Die Quote ist eine Untergrenze.",
        "Si l’un des deux salaires est inconnu, la personne compte au dénominateur et non au "
        "numérateur : le taux est un minimum.",
        "Якщо один із двох заробітків невідомий, особа входить до знаменника, але не до "
        "чисельника: частка є нижньою межею.",
    ),
    "open": _names(
        "Cases that are still open are in the denominator and not in the numerator.",
        "القضايا التي لا تزال مفتوحة تدخل في المقام لا في البسط.",
        "Noch offene Fälle zählen im Nenner und nicht im Zähler.",
        "Les cas encore ouverts comptent au dénominateur et non au numérateur.",
        "Справи, що ще відкриті, входять до знаменника, але не до чисельника.",
    ),
    "none": _names(
        "Nothing is unknown: each course that starts is listed with its places.",
        "لا شيء غير معروف: كل دورة تبدأ مدرجة مع مقاعدها.",
        "Nichts ist unbekannt: Jeder beginnende Kurs steht mit seinen Plätzen in der Liste.",
        "Rien n’est inconnu : chaque cours qui débute est listé avec ses places.",
        "Невідомого немає: кожен курс, що починається, є у списку зі своїми місцями.",
    ),
}
"""How unknown values are treated."""

SOURCES: Mapping[str, Names] = {
    "enrolments": _names(
        "Enrolments in the city's registry; a learner counts once, by the first of the quarter",
        "التسجيلات في سجل المدينة؛ يُحتسب المتعلم مرة واحدة بأول تسجيل في الربع",
        "Einschreibungen im Register der Stadt; jede Person zählt einmal, mit der ersten im "
        "Quartal",
        "Inscriptions du registre de la ville ; une personne compte une fois, par la première "
        "du trimestre",
        "Зарахування в реєстрі міста; особа рахується один раз, за першим у кварталі",
    ),
    "certificates": _names(
        "Certificates in the city's registry; a learner counts once, by the first of the "
        "quarter",
        "الشهادات في سجل المدينة؛ يُحتسب المتعلم مرة واحدة بأول شهادة في الربع",
        "Zertifikate im Register der Stadt; jede Person zählt einmal, mit dem ersten im "
        "Quartal",
        "Certificats du registre de la ville ; une personne compte une fois, par le premier "
        "du trimestre",
        "Сертифікати в реєстрі міста; особа рахується один раз, за першим у кварталі",
    ),
    "offers": _names(
        "Course offers of the providers",
        "عروض الدورات لدى مقدمي التدريب",
        "Kursangebote der Träger",
        "Offres de cours des organismes",
        "Пропозиції курсів надавачів",
    ),
    "offers_and_enrolments": _names(
        "Course offers of the providers, and enrolments in the city's registry",
        "عروض الدورات لدى مقدمي التدريب والتسجيلات في سجل المدينة",
        "Kursangebote der Träger und Einschreibungen im Register der Stadt",
        "Offres de cours des organismes et inscriptions du registre de la ville",
        "Пропозиції курсів надавачів і зарахування в реєстрі міста",
    ),
    "placements": _names(
        "Placements in the city's registry; a learner counts once, by the first of the quarter",
        "التوظيفات في سجل المدينة؛ يُحتسب المتعلم مرة واحدة بأول توظيف في الربع",
        "Vermittlungen im Register der Stadt; jede Person zählt einmal, mit der ersten im "
        "Quartal",
        "Placements du registre de la ville ; une personne compte une fois, par le premier du "
        "trimestre",
        "Працевлаштування в реєстрі міста; особа рахується один раз, за першим у кварталі",
    ),
    "jobs": _names(
        "Jobs and wages as seen in the quarter of observation, of the learners who were "
        "counted in the stored release of exits",
        "الأعمال والأجور كما شوهدت في ربع الملاحظة، للمتعلمين المحتسبين في إصدار المغادرات "
        "المحفوظ",
        "Stellen und Löhne, wie im Beobachtungsquartal gesehen, der Lernenden, die in der "
        "gespeicherten Veröffentlichung der Austritte gezählt sind",
        "Emplois et salaires observés au trimestre d’observation, des personnes comptées dans "
        "la publication conservée des sorties",
        "Робота та заробіток, як їх видно у кварталі спостереження, для осіб, врахованих у "
        "збереженому випуску вибуттів",
    ),
    "breaks": _names(
        "Ends of contracts as seen four quarters later, of the learners who were counted in "
        "the stored release of placements",
        "نهايات العقود كما شوهدت بعد أربعة أرباع، للمتعلمين المحتسبين في إصدار التوظيفات "
        "المحفوظ",
        "Vertragsenden, wie vier Quartale später gesehen, der Lernenden, die in der "
        "gespeicherten Veröffentlichung der Vermittlungen gezählt sind",
        "Fins de contrat observées quatre trimestres plus tard, des personnes comptées dans "
        "la publication conservée des placements",
        "Припинення договорів, як їх видно через чотири квартали, для осіб, врахованих у "
        "збереженому випуску працевлаштувань",
    ),
    "grievances": _names(
        "The city's register of grievances",
        "سجل الشكاوى في المدينة",
        "Beschwerderegister der Stadt",
        "Registre des réclamations de la ville",
        "Реєстр скарг міста",
    ),
    "structure": _names(
        "The city's registry, as the structure of the dataflow describes it",
        "سجل المدينة كما تصفه بنية تدفق البيانات",
        "Register der Stadt, wie es die Struktur des Datenflusses beschreibt",
        "Registre de la ville, selon la structure du flux de données",
        "Реєстр міста, як його описує структура потоку даних",
    ),
}
"""Where the figures come from."""

__all__ = [
    "BASIS_NAMES",
    "COUNTED",
    "HEADINGS",
    "INDICATOR_NAMES",
    "SOURCES",
    "UNIT_NAMES",
    "UNKNOWNS",
]
