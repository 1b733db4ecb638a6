"""Print the shell commands of a Markdown file: the lines of its `sh` blocks, as they stand there."""

import re
import sys
from pathlib import Path

blocks = re.findall(r"^```sh\n(.*?)^```", Path(sys.argv[1]).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
if not blocks:
    sys.exit(f"{sys.argv[1]} has no shell block")
print("".join(blocks), end="")
