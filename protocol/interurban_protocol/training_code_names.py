"""The words of the codes of the standard training-outcome structures, in five languages.

Only data: the lists that do not differ between cities, and the patterns by which bands and
levels are named.
"""

from collections.abc import Mapping

from interurban_protocol.structure_names import Names, names_of

CODE_NAMES: Mapping[str, Mapping[str, Names]] = {
    "MODE": {
        "IN_PERSON": names_of(
            "In person", "حضوري", "In Präsenz", "En présentiel", "Очна"
        ),
        "HYBRID": names_of("Hybrid", "مدمج", "Gemischt", "Hybride", "Змішана"),
        "DISTANCE": names_of(
            "At a distance", "عن بُعد", "Im Fernunterricht", "À distance", "Дистанційна"
        ),
    },
    "SEX": {
        "F": names_of("Female", "أنثى", "Weiblich", "Femme", "Жіноча"),
        "M": names_of("Male", "ذكر", "Männlich", "Homme", "Чоловіча"),
    },
    "OUTCOME": {
        "COM": names_of("Completed", "مكتمل", "Abgeschlossen", "Achevé", "Завершено"),
        "NCM": names_of(
            "Not completed",
            "غير مكتمل",
            "Nicht abgeschlossen",
            "Non achevé",
            "Не завершено",
        ),
        "ONG": names_of("Ongoing", "مستمر", "Laufend", "En cours", "Триває"),
    },
    "EXIT_REASON": {
        "COM": names_of("Completed", "مكتمل", "Abgeschlossen", "Achevé", "Завершено"),
        "NCM": names_of(
            "Left without completing",
            "خروج دون إكمال",
            "Ohne Abschluss ausgetreten",
            "Sortie sans achèvement",
            "Вибуття без завершення",
        ),
        "WORK": names_of(
            "Found work", "بدء عمل", "Arbeit gefunden", "Emploi", "Робота"
        ),
        "FAMILY": names_of(
            "Family or care",
            "الأسرة أو الرعاية",
            "Familie oder Betreuung",
            "Famille ou aide à un proche",
            "Сімʼя або догляд",
        ),
        "HEALTH": names_of("Health", "الصحة", "Gesundheit", "Santé", "Здоровʼя"),
        "MOVED": names_of(
            "Moved away", "الانتقال", "Weggezogen", "Déménagement", "Переїзд"
        ),
        "PROVIDER": names_of(
            "Ended by the provider",
            "إنهاء من الجهة المقدمة",
            "Vom Träger beendet",
            "Fin décidée par l’organisme",
            "Припинено закладом",
        ),
        "OTHER": names_of(
            "Other reason",
            "سبب آخر",
            "Anderer Grund",
            "Autre motif",
            "Інша причина",
        ),
    },
    "PLACEMENT_KIND": {
        "JOB": names_of("Job", "وظيفة", "Arbeitsstelle", "Emploi", "Робота"),
        "APPRENTICESHIP": names_of(
            "Apprenticeship", "تلمذة مهنية", "Lehre", "Apprentissage", "Учнівство"
        ),
        "INTERNSHIP": names_of(
            "Internship", "تدريب عملي", "Praktikum", "Stage", "Стажування"
        ),
    },
    "EMPLOYER": {
        "SAME": names_of(
            "Same employer",
            "صاحب العمل نفسه",
            "Derselbe Arbeitgeber",
            "Même employeur",
            "Той самий роботодавець",
        ),
        "OTHER": names_of(
            "Another employer",
            "صاحب عمل آخر",
            "Anderer Arbeitgeber",
            "Autre employeur",
            "Інший роботодавець",
        ),
    },
    "WAGE_CHANGE": {
        "LOWER": names_of(
            "Lower band",
            "فئة أدنى",
            "Niedrigere Klasse",
            "Tranche inférieure",
            "Нижча група",
        ),
        "SAME": names_of(
            "Same band",
            "الفئة نفسها",
            "Dieselbe Klasse",
            "Même tranche",
            "Та сама група",
        ),
        "HIGHER": names_of(
            "Higher band",
            "فئة أعلى",
            "Höhere Klasse",
            "Tranche supérieure",
            "Вища група",
        ),
    },
    "CASE_KIND": {
        "PLACEMENT": names_of(
            "Placement", "الالتحاق بالعمل", "Vermittlung", "Placement", "Направлення"
        ),
        "PROVIDER": names_of(
            "Training provider",
            "الجهة المقدمة للتدريب",
            "Bildungsträger",
            "Organisme de formation",
            "Навчальний заклад",
        ),
        "DATA": names_of(
            "Personal data",
            "البيانات الشخصية",
            "Personenbezogene Daten",
            "Données personnelles",
            "Персональні дані",
        ),
        "WITHDRAWAL": names_of(
            "Withdrawal of consent",
            "سحب الموافقة",
            "Widerruf der Einwilligung",
            "Retrait du consentement",
            "Відкликання згоди",
        ),
        "DISCRIMINATION": names_of(
            "Discrimination",
            "التمييز",
            "Diskriminierung",
            "Discrimination",
            "Дискримінація",
        ),
        "SAFETY": names_of("Safety", "السلامة", "Sicherheit", "Sécurité", "Безпека"),
        "OTHER": names_of(
            "Other subject",
            "موضوع آخر",
            "Anderer Gegenstand",
            "Autre objet",
            "Інший предмет",
        ),
    },
    "TIMELINESS": {
        "WITHIN": names_of(
            "Decided in time",
            "بُت فيها في الموعد",
            "Fristgerecht entschieden",
            "Décidée dans les délais",
            "Вирішено у строк",
        ),
        "LATE": names_of(
            "Out of time",
            "بعد انقضاء الموعد",
            "Nicht fristgerecht",
            "Hors délai",
            "Після строку",
        ),
        "OPEN": names_of(
            "Still open",
            "قيد النظر",
            "Noch offen",
            "En cours d’examen",
            "Ще розглядається",
        ),
    },
}

FIELD_NAMES: Mapping[str, Names] = {
    "00": names_of(
        "Generic programmes and qualifications",
        "البرامج والمؤهلات العامة",
        "Allgemeine Bildungsgänge und Qualifikationen",
        "Programmes et certifications génériques",
        "Загальні програми та кваліфікації",
    ),
    "01": names_of("Education", "التربية والتعليم", "Pädagogik", "Éducation", "Освіта"),
    "02": names_of(
        "Arts and humanities",
        "الفنون والعلوم الإنسانية",
        "Geisteswissenschaften und Künste",
        "Lettres et arts",
        "Гуманітарні науки та мистецтво",
    ),
    "03": names_of(
        "Social sciences, journalism and information",
        "العلوم الاجتماعية والصحافة والإعلام",
        "Sozialwissenschaften, Journalismus und Informationswesen",
        "Sciences sociales, journalisme et information",
        "Соціальні науки, журналістика та інформація",
    ),
    "04": names_of(
        "Business, administration and law",
        "الأعمال والإدارة والقانون",
        "Wirtschaft, Verwaltung und Recht",
        "Commerce, administration et droit",
        "Бізнес, адміністрування та право",
    ),
    "05": names_of(
        "Natural sciences, mathematics and statistics",
        "العلوم الطبيعية والرياضيات والإحصاء",
        "Naturwissenschaften, Mathematik und Statistik",
        "Sciences naturelles, mathématiques et statistiques",
        "Природничі науки, математика та статистика",
    ),
    "06": names_of(
        "Information and communication technologies",
        "تكنولوجيا المعلومات والاتصالات",
        "Informatik und Kommunikationstechnologie",
        "Technologies de l’information et de la communication",
        "Інформаційні та комунікаційні технології",
    ),
    "07": names_of(
        "Engineering, manufacturing and construction",
        "الهندسة والتصنيع والبناء",
        "Ingenieurwesen, verarbeitendes Gewerbe und Baugewerbe",
        "Ingénierie, industries de transformation et construction",
        "Інженерія, виробництво та будівництво",
    ),
    "08": names_of(
        "Agriculture, forestry, fisheries and veterinary",
        "الزراعة والغابات ومصايد الأسماك والطب البيطري",
        "Landwirtschaft, Forstwirtschaft, Fischerei und Tiermedizin",
        "Agriculture, sylviculture, halieutique et sciences vétérinaires",
        "Сільське, лісове, рибне господарство та ветеринарія",
    ),
    "09": names_of(
        "Health and welfare",
        "الصحة والرعاية الاجتماعية",
        "Gesundheit und Sozialwesen",
        "Santé et protection sociale",
        "Охорона здоровʼя та соціальне забезпечення",
    ),
    "10": names_of(
        "Services", "الخدمات", "Dienstleistungen", "Services", "Сфера обслуговування"
    ),
}
"""The broad fields of ISCED-F 2013 by their two digits."""

EQUITY_NAMES: Mapping[str, Mapping[str, Names]] = {
    "learner.displaced": {
        "DISP": names_of(
            "Displaced", "نازحون", "Vertriebene", "Personnes déplacées", "Переміщені"
        ),
        "NDISP": names_of(
            "Not displaced",
            "غير نازحين",
            "Nicht Vertriebene",
            "Personnes non déplacées",
            "Не переміщені",
        ),
    },
    "learner.disability": {
        "DIS": names_of(
            "With a disability",
            "ذوو إعاقة",
            "Mit Behinderung",
            "En situation de handicap",
            "З інвалідністю",
        ),
        "NDIS": names_of(
            "Without a disability",
            "دون إعاقة",
            "Ohne Behinderung",
            "Sans handicap",
            "Без інвалідності",
        ),
    },
}
"""By the registry field that knows it: first the code for yes, then the one for no."""

LEVEL_TEMPLATE = names_of(
    "EQF level {level}",
    "المستوى {level} من الإطار الأوروبي للمؤهلات",
    "EQR-Niveau {level}",
    "Niveau {level} du CEC",
    "Рівень {level} ЄРК",
)

AGE_TEMPLATES: Mapping[str, Names] = {
    "first": names_of(
        "under {upper} years",
        "أقل من {upper} سنة",
        "unter {upper} Jahren",
        "moins de {upper} ans",
        "до {upper} років",
    ),
    "middle": names_of(
        "{lower} to {last} years",
        "من {lower} إلى {last} سنة",
        "{lower} bis {last} Jahre",
        "de {lower} à {last} ans",
        "від {lower} до {last} років",
    ),
    "last": names_of(
        "{lower} years and over",
        "{lower} سنة فأكثر",
        "{lower} Jahre und älter",
        "{lower} ans et plus",
        "{lower} років і старші",
    ),
}
WAGE_TEMPLATES: Mapping[str, Names] = {
    "first": names_of(
        "under {upper} EUR a month",
        "أقل من {upper} يورو شهريًا",
        "unter {upper} EUR im Monat",
        "moins de {upper} EUR par mois",
        "менше {upper} EUR на місяць",
    ),
    "middle": names_of(
        "{lower} to under {upper} EUR a month",
        "من {lower} إلى أقل من {upper} يورو شهريًا",
        "{lower} bis unter {upper} EUR im Monat",
        "de {lower} à moins de {upper} EUR par mois",
        "від {lower} до менше {upper} EUR на місяць",
    ),
    "last": names_of(
        "{lower} EUR a month and more",
        "{lower} يورو شهريًا فأكثر",
        "{lower} EUR im Monat und mehr",
        "{lower} EUR par mois et plus",
        "{lower} EUR на місяць і більше",
    ),
}

__all__ = [
    "AGE_TEMPLATES",
    "CODE_NAMES",
    "EQUITY_NAMES",
    "FIELD_NAMES",
    "LEVEL_TEMPLATE",
    "WAGE_TEMPLATES",
]
