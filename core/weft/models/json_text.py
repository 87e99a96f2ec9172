"""JSON records of many shapes, each with a request that asks for it.

    prompt   A person with name, age and city as JSON:
    answer   {"name": "Clara Lindqvist", "age": 34, "city": "Oslo"}

Values that belong together agree (an email is made from the name, a country fits its city), so that a model which
commits several tokens at once can be caught out. Everything is drawn from one `random.Random`.
"""

import json
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple


class Example(NamedTuple):
    """A request and the text that answers it."""

    kind: str  # "json" or "cpp"
    prompt: str
    answer: str


FIRST = (
    "Ada Alan Alice Amara Anna Ben Carlos Chen Clara Daniel David Elena Emma Eva Felix Grace Hana Hugo Ines Ivan "
    "Jack James Jane Jonas Julia Kofi Lars Laura Leo Lina Lucas Maria Marta Max Mia Nadia Nina Noah Olga Omar Oscar "
    "Paula Peter Priya Rosa Sam Sara Sofia Theo Tom Vera Victor Yuki Zoe José Zoë André"
).split()
LAST = (
    "Adams Baker Becker Berg Brown Costa Davis Diaz Evans Fischer Garcia Green Haas Hill Ito Jensen Jones Kim King "
    "Kowalski Kumar Lee Lind Lopez Martin Meyer Miller Moreau Mori Nguyen Novak Okafor Olsen Park Patel Reed Rossi "
    "Sato Schmidt Silva Singh Smith Stone Tanaka Taylor Turner Weber White Wilson Young Müller"
).split()
PLACES = (
    ("Oslo", "Norway"), ("Paris", "France"), ("Lyon", "France"), ("Berlin", "Germany"), ("Hamburg", "Germany"),
    ("Rome", "Italy"), ("Milan", "Italy"), ("Madrid", "Spain"), ("Lisbon", "Portugal"), ("Tokyo", "Japan"),
    ("Osaka", "Japan"), ("Seoul", "South Korea"), ("Delhi", "India"), ("Lagos", "Nigeria"), ("Nairobi", "Kenya"),
    ("Cairo", "Egypt"), ("Lima", "Peru"), ("Toronto", "Canada"), ("Boston", "United States"), ("Vienna", "Austria"),
    ("Prague", "Czechia"), ("Zürich", "Switzerland"), ("Dublin", "Ireland"), ("London", "United Kingdom"),
)  # fmt: skip
AUTHORS = (
    ("Emma", "Jane Austen"), ("Dracula", "Bram Stoker"), ("Ulysses", "James Joyce"), ("Middlemarch", "George Eliot"),
    ("Faust", "Johann Goethe"), ("Candide", "Voltaire"), ("Hamlet", "William Shakespeare"), ("Walden", "Henry Thoreau"),
    ("Persuasion", "Jane Austen"), ("Frankenstein", "Mary Shelley"), ("Germinal", "Emile Zola"),
)  # fmt: skip
NOUNS = "lamp chair desk phone cable mug bag keyboard bicycle camera jacket notebook bottle clock tent drill".split()
ADJECTIVES = "blue red small large light steel wooden classic modern portable solid quiet smart green black".split()
TAGS = "new sale home office travel sport urgent draft public private beta stable admin guest music science".split()
COLORS = "red green blue black white silver orange yellow".split()
TITLES = ("The Long Road", "Silent River", "Winter Light", "Blue Harbor", "A Small Town", "Night Train", "Open Water",
          "Glass Garden", "The Last Map", "Northern Star")  # fmt: skip
TASKS = ("Fix the login page", "Write the report", "Call the bank", "Update the docs", "Clean the kitchen", "Buy milk",
         "Plan the trip", "Review the code", "Send the invoice", "Water the plants")  # fmt: skip
WORDS = "great quick fine late happy warm short clear useful broken lovely ready slow simple cheap".split()

Memo = dict[str, Any]
Maker = Callable[[Random, Memo], Any]


def _person(rng: Random, memo: Memo) -> tuple[str, str]:
    first, last = memo.setdefault("person", (rng.choice(FIRST), rng.choice(LAST)))
    return first, last


def _place(rng: Random, memo: Memo) -> tuple[str, str]:
    city, country = memo.setdefault("place", rng.choice(PLACES))
    return city, country


def _ascii(text: str) -> str:
    return text.lower().translate(str.maketrans("éëöüí", "eeoui"))


def _email(rng: Random, memo: Memo) -> str:
    first, last = _person(rng, memo)
    host = rng.choice(("example.com", "example.org", "mail.com"))
    return f"{_ascii(first)}.{_ascii(last)}@{host}"


def _date(rng: Random, memo: Memo) -> str:
    return f"{rng.randint(1990, 2025)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"


def _time(rng: Random, memo: Memo) -> str:
    return f"{rng.randint(0, 23):02}:{rng.choice((0, 15, 30, 45)):02}"


def _timestamp(rng: Random, memo: Memo) -> str:
    return f"{_date(rng, memo)}T{_time(rng, memo)}:00Z"


def _hex(rng: Random, memo: Memo) -> str:
    return "".join(rng.choice("0123456789abcdef") for _ in range(8))


def _one(options: Any) -> Maker:
    return lambda rng, memo: rng.choice(options)


def _integer(low: int, high: int) -> Maker:
    return lambda rng, memo: rng.randint(low, high)


def _number(low: int, high: int, digits: int = 2) -> Maker:
    return lambda rng, memo: round(rng.uniform(low, high), digits)


def _some(options: Any, low: int = 0, high: int = 3) -> Maker:
    return lambda rng, memo: rng.sample(options, rng.randint(low, high))


def _or_null(maker: Maker) -> Maker:
    return lambda rng, memo: None if rng.random() < 0.3 else maker(rng, memo)


def _bool(rng: Random, memo: Memo) -> bool:
    return rng.random() < 0.5


def _product(rng: Random, memo: Memo) -> str:
    return f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}"


def _address(rng: Random, memo: Memo) -> Memo:
    name = rng.choice(("Main", "Park", "Lake", "Hill", "Church"))
    street = f"{rng.randint(1, 99)} {name} {rng.choice(('Street', 'Road'))}"
    return {"street": street, "city": _place(rng, memo)[0], "zip": f"{rng.randint(10000, 99999)}"}


def _items(rng: Random, memo: Memo) -> list[Memo]:
    return [{"name": rng.choice(NOUNS), "quantity": rng.randint(1, 9)} for _ in range(rng.randint(1, 2))]


def _note(rng: Random, memo: Memo) -> str:
    plain = f"{rng.choice(WORDS)} {rng.choice(NOUNS)}"
    word = rng.choice(WORDS)
    return rng.choice((plain, plain, f'the "{word}" one', f"{plain}\n{word}", f"{plain}, {word}"))


FIELDS: dict[str, Maker] = {
    "name": lambda rng, memo: " ".join(_person(rng, memo)),
    "first_name": lambda rng, memo: _person(rng, memo)[0],
    "last_name": lambda rng, memo: _person(rng, memo)[1],
    "email": _email,
    "username": lambda rng, memo: _ascii(_person(rng, memo)[0]) + str(rng.randint(1, 99)),
    "author": lambda rng, memo: f"{rng.choice(FIRST)} {rng.choice(LAST)}",
    "customer": lambda rng, memo: f"{rng.choice(FIRST)} {rng.choice(LAST)}",
    "age": _integer(18, 80),
    "birthday": _date,
    "city": lambda rng, memo: _place(rng, memo)[0],
    "country": lambda rng, memo: _place(rng, memo)[1],
    "address": _address,
    "phone": lambda rng, memo: f"+{rng.randint(1, 99)} {rng.randint(100, 999)} {rng.randint(1000, 9999)}",
    "id": lambda rng, memo: rng.randint(1, 9999),
    "uuid": _hex,
    "key": _hex,
    "role": _one(("admin", "editor", "viewer", "guest")),
    "active": _bool,
    "verified": _bool,
    "admin": _bool,
    "tags": _some(TAGS),
    "score": _number(0, 10, 1),
    "scores": lambda rng, memo: [rng.randint(0, 100) for _ in range(rng.randint(1, 4))],
    "height": _number(1, 2),
    "title": _one(TITLES),
    "year": _integer(1950, 2025),
    "pages": _integer(80, 900),
    "rating": _number(1, 5, 1),
    "genre": _one(("drama", "comedy", "history", "crime", "fantasy")),
    "genres": _some(("drama", "comedy", "history", "crime", "fantasy"), 1, 2),
    "product": _product,
    "price": _number(1, 500),
    "currency": _one(("EUR", "USD", "GBP", "JPY")),
    "in_stock": _bool,
    "stock": _integer(0, 200),
    "color": _one(COLORS),
    "colors": _some(COLORS, 1, 3),
    "weight": _number(0, 20, 1),
    "size": _one(("S", "M", "L", "XL")),
    "quantity": _integer(1, 20),
    "items": _items,
    "total": _number(5, 900),
    "paid": _bool,
    "status": _one(("open", "closed", "pending", "shipped")),
    "state": _one(("ready", "running", "failed", "done")),
    "priority": _one(("low", "medium", "high")),
    "task": _one(TASKS),
    "done": _bool,
    "due": _or_null(_date),
    "note": _note,
    "comment": _or_null(_note),
    "message": _note,
    "parent": _or_null(_integer(1, 999)),
    "date": _date,
    "time": _time,
    "created_at": _timestamp,
    "population": _integer(10000, 9000000),
    "latitude": _number(-90, 90),
    "longitude": _number(-180, 180),
    "x": _integer(-100, 100),
    "y": _integer(-100, 100),
    "z": _number(-10, 10, 1),
    "temperature": _number(-20, 40, 1),
    "humidity": _integer(10, 99),
    "sensor": lambda rng, memo: f"s{rng.randint(1, 40)}",
    "unit": _one(("C", "F", "K", "Pa", "m", "kg")),
    "values": lambda rng, memo: [round(rng.uniform(0, 10), 1) for _ in range(rng.randint(1, 4))],
    "host": lambda rng, memo: f"{rng.choice(('web', 'db', 'cache', 'mail'))}{rng.randint(1, 9)}.example.com",
    "port": _one((80, 443, 5432, 6379, 8000, 8080)),
    "ip": lambda rng, memo: f"10.{rng.randint(0, 9)}.{rng.randint(0, 99)}.{rng.randint(1, 254)}",
    "level": _one(("debug", "info", "warning", "error")),
    "enabled": _bool,
    "timeout": _integer(1, 60),
    "retries": _integer(0, 5),
    "version": lambda rng, memo: f"{rng.randint(0, 4)}.{rng.randint(0, 20)}.{rng.randint(0, 9)}",
    "company": lambda rng, memo: f"{rng.choice(LAST)} {rng.choice(('Ltd', 'Inc', 'GmbH', 'AG'))}",
    "employees": _integer(2, 5000),
    "model": _one(("Comet", "Falcon", "Breeze", "Atlas", "Nova")),
    "electric": _bool,
    "species": _one(("cat", "dog", "rabbit", "parrot", "horse")),
    "artist": lambda rng, memo: f"{rng.choice(FIRST)} {rng.choice(LAST)}",
    "duration": _integer(60, 400),
    "url": lambda rng, memo: f"https://example.com/{rng.choice(NOUNS)}/{rng.randint(1, 99)}",
    "file": lambda rng, memo: f"{rng.choice(NOUNS)}.{rng.choice(('txt', 'csv', 'png', 'json'))}",
    "friends": _some(FIRST, 0, 3),
    "languages": _some(("English", "French", "Spanish", "German", "Hindi", "Arabic"), 1, 3),
    "location": lambda rng, memo: {"lat": round(rng.uniform(-90, 90), 2), "lon": round(rng.uniform(-180, 180), 2)},
    "options": lambda rng, memo: {"debug": _bool(rng, memo), "level": rng.randint(0, 3)},
}
LISTS: tuple[tuple[str, Maker], ...] = (
    ("cities", FIELDS["city"]), ("names", FIELDS["name"]), ("numbers", _integer(0, 99)), ("colors", FIELDS["color"]),
    ("tags", _one(TAGS)), ("dates", _date), ("prices", FIELDS["price"]), ("words", _one(WORDS)), ("emails", _email),
)  # fmt: skip
KINDS: dict[str, str] = {
    "person": "name age email city country phone birthday height address friends languages",
    "user": "id name username email role active verified tags created_at first_name last_name",
    "customer": "id name email city country verified comment address",
    "employee": "name company role email active age languages",
    "student": "name age city scores email friends",
    "book": "title author year pages rating genre price tags",
    "movie": "title year rating genres duration comment",
    "song": "title artist duration year genre",
    "product": "id product price currency in_stock color tags weight size",
    "shirt": "color size price stock",
    "order": "id customer items total paid status date",
    "invoice": "id customer total currency paid due",
    "city": "city country population latitude longitude",
    "task": "task priority done due tags parent",
    "event": "title date time city note",
    "message": "id author message created_at parent",
    "sensor": "sensor temperature humidity unit values time location",
    "point": "x y z",
    "server": "host port ip state enabled timeout retries version",
    "log entry": "level message time host",
    "company": "company city country employees url",
    "car": "model year color electric price",
    "pet": "name species age weight color",
    "config": "enabled timeout retries url version options",
    "file": "file size version created_at key",
    "account": "uuid username active admin score",
}  # fmt: skip
TYPE_NAMES = {
    str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object", type(None): "null",
}  # fmt: skip
PLURALS = {"person": "people", "city": "cities", "company": "companies", "log entry": "log entries"}
SYLLABLES = "ba co da fi go ha ki lo ma ne pu ra so ti vu we xo zu tor lin mar sel".split()


def _made_up(rng: Random) -> tuple[str, Any]:
    """A key that no table knows, so that keys are copied from the request and not only recalled."""
    key = "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(2, 3)))
    if rng.random() < 0.3:
        key += "_" + rng.choice(("id", "count", "name", "flag"))
    if key.endswith(("id", "count")):
        return key, rng.randint(0, 500)
    if key.endswith("flag"):
        return key, rng.random() < 0.5
    return key, rng.choice((rng.randint(0, 100), rng.choice(WORDS), rng.choice(FIRST), rng.random() < 0.5))


def record(rng: Random) -> tuple[str, dict[str, Any]]:
    """A kind of thing and a record of it."""
    kind = rng.choice(list(KINDS))
    usual = KINDS[kind].split()
    keys = rng.sample(usual, min(len(usual), rng.choice((1, 2, 2, 3, 3, 3, 4, 4, 5, 6))))
    if rng.random() < 0.5:
        keys.sort(key=usual.index)
    if rng.random() < 0.15:
        keys.insert(rng.randint(0, len(keys)), rng.choice(list(FIELDS)))
    memo: Memo = {}
    value = {key: FIELDS[key](rng, memo) for key in keys}
    for _ in range(rng.choice((0, 0, 0, 0, 0, 0, 0, 1, 1, 2))):
        key, extra = _made_up(rng)
        value[key] = extra
    if rng.random() < 0.05:
        value = {_camel(key): extra for key, extra in value.items()}
    return kind, value


def _camel(key: str) -> str:
    head, *rest = key.split("_")
    return head + "".join(part.capitalize() for part in rest)


def _listed(keys: list[str]) -> str:
    return keys[0] if len(keys) == 1 else ", ".join(keys[:-1]) + " and " + keys[-1]


def _article(noun: str) -> str:
    return ("an " if noun[0] in "aeio" else "a ") + noun


def _plural(noun: str) -> str:
    return PLURALS.get(noun, noun + "s")


def request(rng: Random, kind: str, value: dict[str, Any], style: str) -> str:
    """A prompt that asks for this record, in one of many wordings."""
    keys = list(value)
    end = rng.choice((":\n", ":\n", ": ", ":"))
    thing = _article(kind) + rng.choice(("", "", " record", " object"))
    named = _listed(keys)
    if rng.random() < 0.1:
        named = named.replace("_", " ")
    form = rng.random()
    if form < 0.3:
        prompt = rng.choice(("", "", "", "keys: ", "JSON with ")) + rng.choice((", ", ", ", " ", ",")).join(keys)
        prompt += rng.choice(("\n", "\n", "\n", ":\n", " as JSON:\n", ": "))
    elif form < 0.4:
        pairs = [f"{key}: {TYPE_NAMES[type(extra)]}" for key, extra in value.items()]
        prompt = rng.choice((", ".join(pairs) + "\n", "{" + ", ".join(pairs) + "}\n"))
    elif form < 0.46 and len(keys) <= 3:
        shape = {key: {"type": TYPE_NAMES[type(extra)]} for key, extra in value.items()}
        prompt = json.dumps({"type": "object", "properties": shape}) + "\n"
    elif form < 0.6 and keys == sorted(keys, key=lambda key: (KINDS[kind] + " " + key).split().index(key)):
        wordings = [f"{thing} as JSON", f"JSON for {thing}", f"Describe {thing} as JSON", f"{thing} in JSON"]
        prompt = rng.choice(wordings) + end
    else:
        wordings = [
            f"{thing} with {named} as JSON", f"{thing} with {named} as JSON", f"JSON for {thing} with {named}",
            f"Write a JSON object with {named}", f"Describe {thing} as JSON with {named}", f"{thing} with {named}",
            f"Give me {named} of {_article(kind)} as JSON", f"Return JSON with {named}",
        ]  # fmt: skip
        prompt = rng.choice(wordings) + end
    if style:
        prompt = f"{style} {prompt}"
    return prompt[0].upper() + prompt[1:] if rng.random() < 0.5 and form >= 0.46 else prompt


def example(rng: Random) -> Example:
    """One request with its JSON answer."""
    dice = rng.random()
    if dice < 0.03:
        book, author = rng.choice(AUTHORS)
        value: Any = {"name": author, "age": rng.randint(30, 80)}
        if rng.random() < 0.5:
            value = {"name": author, "title": book}
        return Example("json", f"The author of {book} as JSON: ", json.dumps(value, ensure_ascii=False))
    if dice < 0.08:
        count = rng.randint(1, 4)
        words, maker = rng.choice(LISTS)
        prompt = rng.choice(
            (f"A list of {count} {words} as JSON:\n", f"{count} {words} as a JSON array:\n", f"{count} {words}\n")
        )
        return Example("json", prompt, json.dumps([maker(rng, {}) for _ in range(count)], ensure_ascii=False))
    kind, fields = record(rng)
    if dice < 0.13:
        keys = [key for key in list(fields)[:3] if key in FIELDS] or ["id", "name"]
        rows = [{key: FIELDS[key](rng, memo) for key in keys} for memo in (Memo(), Memo())]
        prompt = f"a list of 2 {_plural(kind)} with {_listed(keys)} as JSON:\n"
        return Example("json", prompt, json.dumps(rows, ensure_ascii=False))
    style = rng.choice(("compact", "indented")) if rng.random() < 0.12 else ""
    layouts: dict[str, dict[str, Any]] = {"": {}, "compact": {"separators": (",", ":")}, "indented": {"indent": 2}}
    return Example("json", request(rng, kind, fields, style), json.dumps(fields, ensure_ascii=False, **layouts[style]))
