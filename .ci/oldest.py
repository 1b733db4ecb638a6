"""Print the oldest run-time dependencies that a pyproject.toml admits, as requirements."""

import sys
import tomllib
from pathlib import Path

for requirement in tomllib.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["project"]["dependencies"]:
    name, oldest = requirement.split(">=")
    print(f"{name}=={oldest}.*")
