"""Links core/weft/{grammar,schemas,infill,decoders} to the top-level folders, so that type checkers and `PYTHONPATH=core` see one package."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    for name in ("grammar", "schemas", "infill", "decoders"):
        link = ROOT / "core" / "weft" / name
        if not link.exists():
            os.symlink(os.path.join("..", "..", name), link, target_is_directory=True)


if __name__ == "__main__":
    main()
