"""Who buys: people and businesses that do not exist, in ten countries."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Country:
    """Where people live; ``weight`` is how often somebody there buys.

    ``streets`` hold the place of the house's number; ``cities`` are (city, postal
    code, region); of ``businesses`` the first word names their domain.
    """

    code: str
    weight: int
    currency: str
    tax_percent: int
    carrier: str
    given: tuple[str, ...]
    family: tuple[str, ...]
    streets: tuple[str, ...]
    cities: tuple[tuple[str, str, str], ...]
    businesses: tuple[str, ...]


COUNTRIES = (
    Country(
        code="DE",
        weight=9,
        currency="EUR",
        tax_percent=19,
        carrier="DHL",
        given=("Anna", "Jonas", "Lena", "Tobias", "Katharina", "Jürgen", "Mia"),
        family=("Brandt", "Hoffmann", "Köhler", "Neumann", "Schäfer", "Vogel"),
        streets=("Lindenstraße {}", "Bergweg {}", "Am Markt {}", "Gartenstraße {}"),
        cities=(
            ("Berlin", "10437", ""),
            ("Hamburg", "22765", ""),
            ("Leipzig", "04275", ""),
            ("Freiburg", "79098", ""),
        ),
        businesses=("Morgenrot Café GmbH", "Speisekammer Handels KG"),
    ),
    Country(
        code="FR",
        weight=4,
        currency="EUR",
        tax_percent=20,
        carrier="Colissimo",
        given=("Camille", "Hugo", "Léa", "Mathieu", "Zoé", "Antoine"),
        family=("Bernard", "Fournier", "Girard", "Lefèvre", "Moreau"),
        streets=("{} rue des Tilleuls", "{} avenue du Port", "{} place de la Gare"),
        cities=(
            ("Lyon", "69004", ""),
            ("Nantes", "44000", ""),
            ("Lille", "59800", ""),
        ),
        businesses=("Bonnetable Épicerie SARL",),
    ),
    Country(
        code="NL",
        weight=3,
        currency="EUR",
        tax_percent=21,
        carrier="PostNL",
        given=("Daan", "Femke", "Sanne", "Bram", "Lotte"),
        family=("de Vries", "Jansen", "van Dijk", "Bakker"),
        streets=("Kerkstraat {}", "Molenweg {}", "Havenkade {}"),
        cities=(("Utrecht", "3512 JE", ""), ("Haarlem", "2011 RC", "")),
        businesses=("Keukenhuis B.V.",),
    ),
    Country(
        code="AT",
        weight=2,
        currency="EUR",
        tax_percent=20,
        carrier="Post AG",
        given=("Magdalena", "Florian", "Theresa", "Lukas"),
        family=("Gruber", "Steiner", "Pichler", "Wallner"),
        streets=("Hauptplatz {}", "Mühlgasse {}", "Schulstraße {}"),
        cities=(("Graz", "8010", ""), ("Linz", "4020", "")),
        businesses=("Bergblick Hotel GmbH",),
    ),
    Country(
        code="ES",
        weight=3,
        currency="EUR",
        tax_percent=21,
        carrier="Correos",
        given=("Lucía", "Álvaro", "Marta", "Javier"),
        family=("García Ruiz", "Navarro", "Ortega", "Peña"),
        streets=("Calle Mayor {}", "Avenida del Mar {}"),
        cities=(("Valencia", "46003", ""), ("Bilbao", "48005", "Bizkaia")),
        businesses=("Mesalinda Hostelería S.L.",),
    ),
    Country(
        code="IE",
        weight=2,
        currency="EUR",
        tax_percent=23,
        carrier="An Post",
        given=("Aoife", "Cian", "Niamh", "Oisín"),
        family=("Byrne", "Doyle", "Kelleher", "Nolan"),
        streets=("{} Strand Road", "{} Mill Lane"),
        cities=(("Galway", "H91 X4K8", "Co. Galway"), ("Cork", "T12 W8C2", "Co. Cork")),
        businesses=("Harbourside Stores Ltd",),
    ),
    Country(
        code="US",
        weight=9,
        currency="USD",
        tax_percent=7,
        carrier="UPS",
        given=("Emily", "Marcus", "Grace", "Tyler", "Hannah", "Andre", "Rosa"),
        family=("Bennett", "Coleman", "Delgado", "Foster", "Nguyen", "Whitaker"),
        streets=("{} Oak Avenue", "{} Maple Street", "{} Riverside Drive"),
        cities=(
            ("Portland", "97214", "OR"),
            ("Austin", "78704", "TX"),
            ("Madison", "53703", "WI"),
            ("Asheville", "28801", "NC"),
        ),
        businesses=("Bluebird Kitchen Supply LLC", "Tallgrass Diner Inc."),
    ),
    Country(
        code="GB",
        weight=5,
        currency="GBP",
        tax_percent=20,
        carrier="Royal Mail",
        given=("Olivia", "Harry", "Priya", "Callum", "Imogen", "Idris"),
        family=("Ashworth", "Bell", "Patel", "Fraser", "Hughes"),
        streets=("{} Station Road", "{} Church Lane", "{} Victoria Terrace"),
        cities=(
            ("Bristol", "BS6 5QA", ""),
            ("Leeds", "LS7 3PD", "West Yorkshire"),
            ("Edinburgh", "EH9 1PL", ""),
        ),
        businesses=("Copperpan Catering Ltd",),
    ),
    Country(
        code="JP",
        weight=4,
        currency="JPY",
        tax_percent=10,
        carrier="Yamato",
        given=("Haruka", "Kenji", "Yui", "Sota", "Naomi"),
        family=("Tanaka", "Kobayashi", "Mori", "Ishikawa"),
        streets=("{}-chome Sakuragaoka", "{}-chome Honmachi"),
        cities=(("Kyoto", "604-8005", "Kyoto"), ("Yokohama", "231-0023", "Kanagawa")),
        businesses=("Hinode Shokki K.K.",),
    ),
    Country(
        code="KW",
        weight=2,
        currency="KWD",
        tax_percent=0,
        carrier="Aramex",
        given=("Noura", "Yousef", "Dalal", "Fahad"),
        family=("Al-Mutairi", "Al-Enezi", "Al-Rashidi"),
        streets=("Block {}, Salem Street", "Block {}, Gulf Road"),
        cities=(("Salmiya", "22001", ""), ("Hawalli", "32001", "")),
        businesses=("Diwan Hospitality W.L.L.",),
    ),
)


@dataclass(frozen=True, slots=True)
class Customer:
    name: str
    email: str
    shipping_address: dict[str, str]
    billing_address: dict[str, str]
    reference: str = ""


def person(rng: Random, country: Country) -> Customer:
    """Return somebody who has things sent home."""
    name = f"{rng.choice(country.given)} {rng.choice(country.family)}"
    home = _address(country, of=name) | {"name": name}
    return Customer(name, _email(name, "example.org"), home, home)


def passer_by(rng: Random, country: Country) -> Customer:
    """Return somebody at the counter, who seldom leaves a name."""
    if rng.choice((True, True, False)):
        return Customer("", "", {}, {})
    known = person(rng, country)
    return Customer(known.name, known.email, {}, {})


def business(rng: Random, country: Country) -> Customer:
    """Return somebody who buys for a business, which is billed at its office."""
    company = rng.choice(country.businesses)
    office = _address(country, of=company) | {"company": company}
    name = f"{rng.choice(country.given)} {rng.choice(country.family)}"
    return Customer(
        name=f"{name}, {company}",
        email=_email("purchasing", f"{_plain(company.split()[0])}.example.com"),
        shipping_address=_address(country, of=f"{company}'s store")
        | {"name": name, "company": company},
        billing_address=office | {"name": "Accounts payable"},
        reference=f"PO-{rng.randint(1200, 9899)}",
    )


def _address(country: Country, *, of: str) -> dict[str, str]:
    """Return where somebody lives: there at the next order, too."""
    place = Random(of)  # noqa: S311 - an address, no secret
    city, postal_code, region = place.choice(country.cities)
    parts = {
        "line1": place.choice(country.streets).format(place.randint(1, 12)),
        "city": city,
        "region": region,
        "postal_code": postal_code,
        "country": country.code,
    }
    return {part: text for part, text in parts.items() if text}


def _email(name: str, domain: str) -> str:
    return f"{'.'.join(map(_plain, name.split()))}@{domain}"


def _plain(word: str) -> str:
    letters = unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode()
    return letters.lower()
