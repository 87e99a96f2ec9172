"""Makes one package `weft` out of the top-level folders, as it will be installed, by links.

python tools/dev_links.py            core/weft/{grammar,schemas,infill,decoders} -> the folders; git ignores the links
python tools/dev_links.py FOLDER     FOLDER/weft/* -> all but the compiled module: a place for another build of it
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "core" / "weft"
FOLDERS = ("grammar", "schemas", "infill", "decoders")


def link(place: Path, target: Path) -> None:
    if place.exists():
        return
    if sys.platform == "win32" and target.is_dir():  # a junction needs no rights that a link would
        subprocess.run(["cmd", "/c", "mklink", "/J", str(place), str(target)], check=True, stdout=subprocess.DEVNULL)
    else:
        os.symlink(os.path.relpath(target, place.parent), place, target_is_directory=target.is_dir())


def main(argv: list[str]) -> None:
    package = Path(argv[0]).absolute() / "weft" if argv else PACKAGE
    package.mkdir(parents=True, exist_ok=True)
    for name in FOLDERS:
        link(package / name, ROOT / name)
    if package == PACKAGE:
        return
    for entry in PACKAGE.iterdir():
        if entry.name not in FOLDERS and entry.name != "__pycache__" and entry.suffix not in {".so", ".pyd"}:
            link(package / entry.name, entry)


if __name__ == "__main__":
    main(sys.argv[1:])
