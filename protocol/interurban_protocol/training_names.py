"""The words of the standard training-outcome structures, in five languages.

Only data: what each dataflow, its measure and each concept are called. The codes have theirs
in `training_code_names`.
"""

from collections.abc import Mapping

from interurban_protocol.structure_names import Names, names_of

DATAFLOW_NAMES: Mapping[str, Names] = {
    "COMPLETION": names_of(
        "Completion of training programmes",
        "إكمال البرامج التدريبية",
        "Abschluss von Bildungsprogrammen",
        "Achèvement des formations",
        "Завершення навчальних програм",
    ),
    "EXITS": names_of(
        "Exits from training programmes and their reasons",
        "الخروج من البرامج التدريبية وأسبابه",
        "Austritte aus Bildungsprogrammen und ihre Gründe",
        "Sorties de formation et leurs motifs",
        "Вибуття з навчальних програм та його причини",
    ),
    "CREDENTIALS": names_of(
        "Certificates awarded",
        "الشهادات الممنوحة",
        "Erteilte Zertifikate",
        "Certificats délivrés",
        "Видані сертифікати",
    ),
    "PLACES": names_of(
        "Training places offered",
        "المقاعد التدريبية المعروضة",
        "Angebotene Plätze in Bildungsprogrammen",
        "Places de formation offertes",
        "Запропоновані навчальні місця",
    ),
    "PLACEMENTS": names_of(
        "Placements in jobs, apprenticeships and internships",
        "الالتحاق بالوظائف والتلمذة المهنية والتدريب العملي",
        "Vermittlungen in Arbeit, Lehre und Praktikum",
        "Placements en emploi, en apprentissage et en stage",
        "Працевлаштування, учнівство та стажування",
    ),
    "APPRENTICESHIP_BREAKS": names_of(
        "Apprenticeship contracts broken within four quarters",
        "عقود التلمذة المهنية المفسوخة خلال أربعة أرباع",
        "Innerhalb von vier Quartalen gelöste Lehrverträge",
        "Contrats d’apprentissage rompus dans les quatre trimestres",
        "Договори учнівства, розірвані протягом чотирьох кварталів",
    ),
    "JOBS_Q2": names_of(
        "Employment in the second quarter after exit",
        "العمل في الربع الثاني بعد الخروج",
        "Beschäftigung im zweiten Quartal nach dem Austritt",
        "Emploi au deuxième trimestre après la sortie",
        "Зайнятість у другому кварталі після вибуття",
    ),
    "JOBS_Q4": names_of(
        "Employment in the fourth quarter after exit",
        "العمل في الربع الرابع بعد الخروج",
        "Beschäftigung im vierten Quartal nach dem Austritt",
        "Emploi au quatrième trimestre après la sortie",
        "Зайнятість у четвертому кварталі після вибуття",
    ),
    "GRIEVANCES": names_of(
        "Grievances and their timeliness",
        "الشكاوى ومدى البت فيها في الموعد",
        "Beschwerden und ihre fristgerechte Bearbeitung",
        "Réclamations et respect des délais",
        "Скарги та дотримання строків їх розгляду",
    ),
}

MEASURE_NAMES: Mapping[str, Names] = {
    "COMPLETION": names_of(
        "Learners who started a programme in the period",
        "المتعلمون الذين بدأوا برنامجًا خلال الفترة",
        "Lernende, die im Zeitraum ein Programm begonnen haben",
        "Personnes ayant commencé une formation pendant la période",
        "Особи, які почали програму в цей період",
    ),
    "EXITS": names_of(
        "Learners whose enrolment ended in the period",
        "المتعلمون الذين انتهى تسجيلهم خلال الفترة",
        "Lernende, deren Teilnahme im Zeitraum geendet hat",
        "Personnes dont l’inscription a pris fin pendant la période",
        "Особи, чиє навчання закінчилося в цей період",
    ),
    "CREDENTIALS": names_of(
        "Learners who were awarded a certificate in the period",
        "المتعلمون الذين مُنحوا شهادة خلال الفترة",
        "Lernende, die im Zeitraum ein Zertifikat erhalten haben",
        "Personnes ayant obtenu un certificat pendant la période",
        "Особи, які отримали сертифікат у цей період",
    ),
    "PLACES": names_of(
        "Places in programmes that start in the period",
        "المقاعد في البرامج التي تبدأ خلال الفترة",
        "Plätze in Programmen, die im Zeitraum beginnen",
        "Places dans les formations qui débutent pendant la période",
        "Місця у програмах, що починаються в цей період",
    ),
    "PLACEMENTS": names_of(
        "Learners who started a job, apprenticeship or internship in the period",
        "المتعلمون الذين بدأوا عملًا أو تلمذة مهنية أو تدريبًا عمليًا خلال الفترة",
        "Lernende, die im Zeitraum Arbeit, Lehre oder Praktikum begonnen haben",
        "Personnes ayant commencé un emploi, un apprentissage ou un stage pendant la "
        "période",
        "Особи, які почали роботу, учнівство або стажування в цей період",
    ),
    "APPRENTICESHIP_BREAKS": names_of(
        "Learners placed in the period whose apprenticeship contract was broken by the "
        "fourth quarter after it",
        "المتعلمون الملتحقون خلال الفترة الذين فُسخ عقد تلمذتهم حتى الربع الرابع بعدها",
        "Im Zeitraum vermittelte Lernende, deren Lehrvertrag bis zum vierten Quartal "
        "danach gelöst wurde",
        "Personnes placées pendant la période dont le contrat d’apprentissage a été "
        "rompu avant la fin du quatrième trimestre suivant",
        "Особи, які почали в цей період і чий договір учнівства розірвано до кінця "
        "четвертого кварталу після нього",
    ),
    "JOBS_Q2": names_of(
        "Learners who left in the period and had a job in the second quarter after it",
        "المتعلمون الذين خرجوا خلال الفترة وكان لديهم عمل في الربع الثاني بعدها",
        "Im Zeitraum ausgetretene Lernende, die im zweiten Quartal danach Arbeit hatten",
        "Personnes sorties pendant la période et en emploi au deuxième trimestre suivant",
        "Особи, які вибули в цей період і мали роботу у другому кварталі після нього",
    ),
    "JOBS_Q4": names_of(
        "Learners who left in the period and had a job in the fourth quarter after it",
        "المتعلمون الذين خرجوا خلال الفترة وكان لديهم عمل في الربع الرابع بعدها",
        "Im Zeitraum ausgetretene Lernende, die im vierten Quartal danach Arbeit hatten",
        "Personnes sorties pendant la période et en emploi au quatrième trimestre "
        "suivant",
        "Особи, які вибули в цей період і мали роботу в четвертому кварталі після нього",
    ),
    "GRIEVANCES": names_of(
        "Persons who filed a grievance in the period",
        "الأشخاص الذين قدموا شكوى خلال الفترة",
        "Personen, die im Zeitraum eine Beschwerde eingereicht haben",
        "Personnes ayant déposé une réclamation pendant la période",
        "Особи, які подали скаргу в цей період",
    ),
}

CONCEPT_NAMES: Mapping[str, Names] = {
    "PROGRAMME": names_of(
        "Programme", "البرنامج", "Bildungsprogramm", "Formation", "Програма"
    ),
    "LEVEL": names_of(
        "Level of qualification (EQF)",
        "مستوى المؤهل (الإطار الأوروبي)",
        "Qualifikationsniveau (EQR)",
        "Niveau de certification (CEC)",
        "Рівень кваліфікації (ЄРК)",
    ),
    "MODE": names_of(
        "Delivery mode",
        "طريقة التقديم",
        "Durchführungsform",
        "Mode d’enseignement",
        "Форма навчання",
    ),
    "AGE": names_of("Age", "العمر", "Alter", "Âge", "Вік"),
    "SEX": names_of("Sex", "الجنس", "Geschlecht", "Sexe", "Стать"),
    "EQUITY": names_of(
        "Equity group",
        "فئة الإنصاف",
        "Gruppe für Chancengleichheit",
        "Groupe d’équité",
        "Група рівності",
    ),
    "OUTCOME": names_of("Outcome", "النتيجة", "Ergebnis", "Résultat", "Результат"),
    "EXIT_REASON": names_of(
        "Reason for the exit",
        "سبب الخروج",
        "Grund des Austritts",
        "Motif de la sortie",
        "Причина вибуття",
    ),
    "PLACEMENT_KIND": names_of(
        "Kind of placement",
        "نوع الالتحاق",
        "Art der Stelle",
        "Type de placement",
        "Вид працевлаштування",
    ),
    "WAGE_BAND": names_of(
        "Monthly wage in bands",
        "فئات الأجر الشهري",
        "Monatslohn in Klassen",
        "Tranche de salaire mensuel",
        "Місячна заробітна плата за групами",
    ),
    "EMPLOYER": names_of(
        "Employer compared with the second quarter after exit",
        "صاحب العمل مقارنة بالربع الثاني بعد الخروج",
        "Arbeitgeber im Vergleich zum zweiten Quartal nach dem Austritt",
        "Employeur par rapport au deuxième trimestre après la sortie",
        "Роботодавець порівняно з другим кварталом після вибуття",
    ),
    "WAGE_CHANGE": names_of(
        "Wage band compared with the second quarter after exit",
        "فئة الأجر مقارنة بالربع الثاني بعد الخروج",
        "Lohnklasse im Vergleich zum zweiten Quartal nach dem Austritt",
        "Tranche de salaire par rapport au deuxième trimestre après la sortie",
        "Група заробітної плати порівняно з другим кварталом після вибуття",
    ),
    "CASE_KIND": names_of(
        "Subject of the grievance",
        "موضوع الشكوى",
        "Gegenstand der Beschwerde",
        "Objet de la réclamation",
        "Предмет скарги",
    ),
    "TIMELINESS": names_of(
        "Decision in time",
        "البت في الموعد",
        "Fristgerechte Entscheidung",
        "Décision dans les délais",
        "Рішення у строк",
    ),
}

__all__ = ["CONCEPT_NAMES", "DATAFLOW_NAMES", "MEASURE_NAMES"]
