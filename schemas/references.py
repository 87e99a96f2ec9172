"""Where a `$ref` leads: JSON pointers, anchors and addresses, in the schema itself and in the documents lent with it.

{"$id": "http://x/a", "$defs": {"n": {"$anchor": "num"}}}        #/$defs/n   #num   http://x/a#num
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote, urldefrag, urljoin

from weft.errors import SchemaError

DRAFTS = {"draft-03": 3, "draft-04": 4, "draft-06": 6, "draft-07": 7, "2019-09": 2019, "2020-12": 2020}

# Where subschemas stand; an "$id" anywhere else names nothing.
MAPS = frozenset({"$defs", "definitions", "properties", "patternProperties", "dependentSchemas", "dependencies"})
INNER = frozenset(
    {
        "items", "prefixItems", "additionalItems", "contains", "additionalProperties", "propertyNames", "allOf",
        "anyOf", "oneOf", "not", "if", "then", "else", "unevaluatedItems", "unevaluatedProperties", "contentSchema",
    }
)  # fmt: skip


class Place:
    """Where a subschema stands: a linked list, written out only in errors."""

    __slots__ = ("depth", "key", "parent")

    def __init__(self, parent: Place | None, key: str | int, depth: int):
        self.parent, self.key, self.depth = parent, key, depth

    def __str__(self) -> str:
        keys: list[str] = []
        here: Place | None = self
        while here is not None:
            keys.append(str(here.key).replace("~", "~0").replace("/", "~1") if here.parent else str(here.key))
            here = here.parent
        return "/".join(reversed(keys))


class Resource(NamedTuple):
    """A schema with its own address, against which the references inside it are read."""

    root: Any
    uri: str
    draft: int
    place: Place


Found = tuple[Any, Place, Resource]  # a raw subschema


def draft_of(schema: Any, default: int) -> int:
    uri = schema.get("$schema") if isinstance(schema, dict) else None
    if isinstance(uri, str):
        for name, draft in DRAFTS.items():
            if name in uri:
                return draft
        if "json-schema.org/schema" in uri:
            return 2020
    return default


def id_of(schema: Any, draft: int) -> str | None:
    if not isinstance(schema, dict):
        return None
    found = schema.get("$id")
    if found is None and (draft <= 4 or draft_of(schema, 2020) <= 4):
        found = schema.get("id")
    return found if isinstance(found, str) else None


def resource_of(raw: Any, place: Place, outer: Resource) -> Resource:
    """The resource that a subschema belongs to: `outer`, unless it has an address of its own."""
    if "$id" not in raw and "id" not in raw:
        return outer
    uri = id_of(raw, outer.draft)
    if uri is None or uri.startswith("#") or ("$ref" in raw and outer.draft <= 7):
        return outer
    return Resource(raw, urldefrag(urljoin(outer.uri, uri))[0], draft_of(raw, outer.draft), place)


class References:
    """The addresses of one schema and of the documents lent with it."""

    def __init__(self, schema: Any, documents: Mapping[str, Any]):
        self.documents = documents
        uri = id_of(schema, 2020)
        self.root = Resource(schema, urldefrag(uri)[0] if uri else "", draft_of(schema, 2020), Place(None, "#", 0))
        self._index: dict[str, Found] | None = None

    def target(self, ref: str, place: Place, resource: Resource) -> Found:
        """The raw subschema that `ref`, written at `place`, leads to."""
        address, _, fragment = ref.partition("#")
        found: Found | None = (resource.root, resource.place, resource)
        if address:
            found = self._find(urldefrag(urljoin(resource.uri, address))[0])
            if found is None:
                raise SchemaError(
                    f"'$ref' to {ref!r}, which is outside the schema",
                    where=f"at {place}/$ref",
                    expected="a reference into the same schema, such as #/$defs/name; nothing is fetched",
                    hint="from_json_schema(..., documents={uri: schema})",
                )
        assert found is not None
        base = found[2]
        if fragment.startswith("/"):
            found = _walk(found, fragment)
            if found is None and base is not self.root and not address:
                found = _walk((self.root.root, self.root.place, self.root), fragment)
        elif fragment:
            found = self._find(f"{base.uri}#{unquote(fragment)}")
        if found is None:
            raise SchemaError(
                f"'$ref' to {ref!r} leads nowhere",
                where=f"at {place}/$ref",
                expected="the place of a subschema in this document",
            )
        return found

    def _find(self, uri: str) -> Found | None:
        """A schema by its address (with #anchor); the index is made at the first need."""
        if self._index is None:
            self._index = {}
            self._collect(self.root, self._index)
            for address, document in self.documents.items():
                top = Place(None, f"{address}#", 0)
                name = id_of(document, draft_of(document, 2020)) or address
                own = Resource(document, urldefrag(address)[0], draft_of(document, self.root.draft), top)
                self._collect(own, self._index)
                if urldefrag(name)[0] != urldefrag(address)[0]:
                    uri_in_it = urldefrag(urljoin(address, name))[0]
                    self._collect(Resource(document, uri_in_it, draft_of(document, 2020), top), self._index)
        return self._index.get(uri)

    @staticmethod
    def _collect(top: Resource, index: dict[str, Found]) -> None:
        index.setdefault(top.uri, (top.root, top.place, top))
        stack: list[Found] = [(top.root, top.place, top)]
        while stack:
            raw, place, resource = stack.pop()
            if not isinstance(raw, dict):
                continue
            if raw is not top.root:
                inner = resource_of(raw, place, resource)
                if inner is not resource:
                    resource = inner
                    index.setdefault(inner.uri, (raw, place, inner))
            for key in ("$anchor", "$dynamicAnchor"):
                name = raw.get(key)
                if isinstance(name, str):
                    index.setdefault(f"{resource.uri}#{name}", (raw, place, resource))
            name = id_of(raw, resource.draft)
            if name is not None and name.startswith("#") and len(name) > 1:
                index.setdefault(f"{resource.uri}{name}", (raw, place, resource))
            for key, value in raw.items():
                at = Place(place, key, 0)
                if key in MAPS and isinstance(value, dict):
                    stack.extend((inner, Place(at, name, 0), resource) for name, inner in value.items())
                elif key in INNER and isinstance(value, list):
                    stack.extend((inner, Place(at, i, 0), resource) for i, inner in enumerate(value))
                elif key in INNER:
                    stack.append((value, at, resource))


def _walk(found: Found, fragment: str) -> Found | None:
    """What a JSON pointer leads to, from there."""
    raw, place, resource = found
    for part in fragment.split("/")[1:]:
        part = unquote(part).replace("~1", "/").replace("~0", "~")
        if isinstance(raw, dict):
            if part not in raw:
                return None
            raw = raw[part]
        elif isinstance(raw, list):
            if not part.isdecimal() or int(part) >= len(raw):
                return None
            raw = raw[int(part)]
        else:
            return None
        place = Place(place, part, 0)
        if isinstance(raw, dict):
            resource = resource_of(raw, place, resource)
    return raw, place, resource
