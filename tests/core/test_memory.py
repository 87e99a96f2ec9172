"""Thousands of distinct schemas through one process: memory grows until the caches are full, and then stays."""

import json
import os
import subprocess
import sys

STREAM = """
import json, resource, sys
from weft.grammar.constraint import compile
from weft.grammar.vocabulary import Vocabulary
from weft.schemas.json_schema import from_json_schema

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

vocabulary = Vocabulary([bytes([b]) for b in range(256)] + [b'{"', b'": ', b'", "', b"true", None], [260])
seen = []
for i in range(int(sys.argv[1])):
    schema = {"type": "object", "required": [f"k{i}"], "properties": {
        f"k{i}": {"type": "string", "pattern": f"^[a-z]+{i}$"},
        f"n{i}": {"type": "integer", "minimum": i, "maximum": 7 * i + 3},
        f"e{i}": {"enum": [f"v{i}", i, None]},
        f"l{i}": {"type": "array", "items": {"type": "string", "maxLength": 10 + i % 500}},
    }}
    matcher = compile(from_json_schema(schema), vocabulary).matcher()
    for byte in json.dumps({f"k{i}": f"abc{i}", f"n{i}": i + 1, f"l{i}": ["x"]}).encode():
        mask = matcher.mask()
        assert mask[byte >> 5] >> (byte & 31) & 1, matcher.text
        matcher.commit(byte)
    assert matcher.is_complete
    if i % 250 == 249:
        seen.append(peak())
print(json.dumps(seen))
"""


def test_a_stream_of_schemas_does_not_grow_without_end():
    count = int(os.environ.get("WEFT_STREAM_SCHEMAS", "6000"))
    run = subprocess.run([sys.executable, "-c", STREAM, str(count)], capture_output=True, text=True, check=True)
    peaks = json.loads(run.stdout)
    assert peaks[-1] - peaks[len(peaks) * 3 // 4] <= 6, f"peak MiB after every 250 schemas: {peaks}"
