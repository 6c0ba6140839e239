"""Names, programmes and employers of the invented registries.

The given and family names are common ones of several languages, put together by chance;
nobody is meant.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """A programme: ISCED-F 2013 field, EQF level, mode P, H or D.

    `completing` is the share of its learners who complete, `women` of those who come.
    """

    code: str
    title: str
    arabic: str
    field: str
    level: int
    hours: int
    weeks: int
    mode: str
    completing: float
    women: float


PROGRAMMES = (
    Programme(
        code="DIG-BASIC",
        title="Digital skills for every day",
        arabic="المهارات الرقمية لكل يوم",
        field="0611",
        level=2,
        hours=60,
        weeks=8,
        mode="P",
        completing=0.78,
        women=0.55,
    ),
    Programme(
        code="DIG-OFFICE",
        title="Office software",
        arabic="برامج المكتب",
        field="0611",
        level=3,
        hours=90,
        weeks=10,
        mode="H",
        completing=0.72,
        women=0.6,
    ),
    Programme(
        code="DIG-WEB",
        title="Web development",
        arabic="تطوير الويب",
        field="0613",
        level=4,
        hours=320,
        weeks=20,
        mode="H",
        completing=0.55,
        women=0.35,
    ),
    Programme(
        code="DIG-DATA",
        title="Data analysis",
        arabic="تحليل البيانات",
        field="0612",
        level=5,
        hours=280,
        weeks=18,
        mode="D",
        completing=0.52,
        women=0.4,
    ),
    Programme(
        code="DIG-NET",
        title="Network technician",
        arabic="فني شبكات",
        field="0612",
        level=4,
        hours=300,
        weeks=20,
        mode="P",
        completing=0.6,
        women=0.2,
    ),
    Programme(
        code="CARE-ASSIST",
        title="Care assistant",
        arabic="مساعد رعاية",
        field="0921",
        level=3,
        hours=260,
        weeks=16,
        mode="P",
        completing=0.74,
        women=0.8,
    ),
    Programme(
        code="CARE-CHILD",
        title="Child care",
        arabic="رعاية الأطفال",
        field="0922",
        level=4,
        hours=300,
        weeks=20,
        mode="P",
        completing=0.7,
        women=0.85,
    ),
    Programme(
        code="BUILD-ELEC",
        title="Electrical installation",
        arabic="التركيبات الكهربائية",
        field="0713",
        level=4,
        hours=340,
        weeks=20,
        mode="P",
        completing=0.63,
        women=0.12,
    ),
    Programme(
        code="BUILD-WOOD",
        title="Carpentry",
        arabic="النجارة",
        field="0732",
        level=3,
        hours=280,
        weeks=16,
        mode="P",
        completing=0.66,
        women=0.15,
    ),
    Programme(
        code="LOG-STORE",
        title="Warehouse and logistics",
        arabic="المستودعات والخدمات اللوجستية",
        field="1041",
        level=3,
        hours=160,
        weeks=12,
        mode="P",
        completing=0.76,
        women=0.3,
    ),
    Programme(
        code="HOSP-COOK",
        title="Kitchen and hospitality",
        arabic="المطبخ والضيافة",
        field="1013",
        level=3,
        hours=180,
        weeks=12,
        mode="P",
        completing=0.68,
        women=0.5,
    ),
    Programme(
        code="BUS-ADMIN",
        title="Business administration",
        arabic="إدارة الأعمال",
        field="0413",
        level=4,
        hours=220,
        weeks=16,
        mode="D",
        completing=0.61,
        women=0.62,
    ),
)

LATIN = (
    (
        "Anna",
        "Jonas",
        "Marie",
        "Lukas",
        "Zoë",
        "Émile",
        "Łucja",
        "Søren",
        "Inês",
        "Tomáš",
    ),
    ("Fischer", "Nowak", "Lefèvre", "Øster", "Řezník", "Silva", "O'Hara", "van Dijk"),
)
ARABIC = (
    ("أحمد", "فاطمة", "يوسف", "ليلى", "عمر", "مريم", "سامر", "هدى"),
    ("الحداد", "النجار", "خوري", "منصور", "البيطار", "سليمان"),
)
CYRILLIC = (
    ("Олена", "Андрій", "Наталія", "Тарас", "Ірина", "Дмитро", "Софія"),
    ("Коваленко", "Шевчук", "Мельник", "Бондар", "Ткаченко", "Гриценко"),
)

EMPLOYERS = (
    "Harbour Bakery",
    "Northern Rail Works",
    "Elm Street Clinic",
    "Tern Logistics",
    "Bluefield Software",
    "Old Mill Carpentry",
    "Quay Hotel",
    "Lantern Care Homes",
    "Vale Electric",
    "Paper Kite Studio",
)
