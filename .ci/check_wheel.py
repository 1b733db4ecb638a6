"""Fail unless a wheel holds the package, its type marker and its metadata, and nothing else."""

import sys
import zipfile

names = zipfile.ZipFile(sys.argv[1]).namelist()
strays = [
    name
    for name in names
    if not name.startswith("npconvt-")
    and not (name.startswith("npconvt/") and (name.endswith(".py") or name == "npconvt/py.typed"))
]
if strays or "npconvt/py.typed" not in names:
    sys.exit(f"the wheel must hold npconvt/*.py and npconvt/py.typed only, but also has {strays} or lacks py.typed")
print(f"{len(names)} files, npconvt and its metadata only")
