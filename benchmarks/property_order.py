"""Is an instance refused only because its properties stand in another order than the schema declares them?

`in_declared_order` writes the instance again in the order of the schema, as far as that can be read off without judging
which branch applies; if the engine then accepts it, order was all that stood in the way.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.data import Json

BRANCHES = ("allOf", "anyOf", "oneOf")
LIMIT = 200  # subschemas looked at for one value


def in_declared_order(root: Json, schema: Json, value: Json) -> Json:
    parts = list(_parts(root, schema))
    if isinstance(value, list):
        return [in_declared_order(root, _item(parts, i), child) for i, child in enumerate(value)]
    if not isinstance(value, dict):
        return value
    declared: list[str] = []
    for part in parts:
        place = 0  # a key that is new stands behind the one that it follows here
        for key in part.get("properties", {}):
            if key not in declared:
                declared.insert(place, key)
            place = declared.index(key) + 1
    rank = {key: i for i, key in enumerate(declared)}
    keys = sorted(value, key=lambda key: rank.get(key, len(rank)))
    return {key: in_declared_order(root, _property(parts, key), value[key]) for key in keys}


def _parts(root: Json, schema: Json) -> Iterator[Json]:
    """The subschemas that speak about the same value, in the order in which they are written."""
    queue, seen = [schema], 0
    while queue and seen < LIMIT:
        part = queue.pop(0)
        if not isinstance(part, dict):
            continue
        seen += 1
        yield part
        if isinstance(part.get("$ref"), str) and part["$ref"].startswith("#"):
            queue.append(_at(root, part["$ref"][1:]))
        for keyword in BRANCHES:
            branches = part.get(keyword)
            queue += branches if isinstance(branches, list) else []
        queue += [part[keyword] for keyword in ("if", "then", "else") if keyword in part]


def _at(root: Json, pointer: str) -> Json:
    for step in pointer.split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(root, list) and step.isdigit() and int(step) < len(root):
            root = root[int(step)]
        elif isinstance(root, dict) and step in root:
            root = root[step]
        else:
            return {}
    return root


def _property(parts: list[Json], key: str) -> Json:
    named = [part["properties"][key] for part in parts if key in part.get("properties", {})]
    others = [part["additionalProperties"] for part in parts if "additionalProperties" in part]
    patterns = [child for part in parts for child in part.get("patternProperties", {}).values()]
    return {"anyOf": named or patterns + others}


def _item(parts: list[Json], i: int) -> Json:
    found = []
    for part in parts:
        items, first = part.get("items"), part.get("prefixItems", [])
        first = items if isinstance(items, list) else first
        found.append(first[i] if i < len(first) else items)
    return {"anyOf": [child for child in found if isinstance(child, dict)]}
