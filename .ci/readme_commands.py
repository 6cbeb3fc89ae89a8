"""Print one of the README's two commands, exactly as printed there: the lines of the blocks after a marker.

The README marks them with ``<!-- ci: try -->`` and ``<!-- ci: develop -->`` above a fenced block.
"""

import re
import sys
from pathlib import Path

name, readme = sys.argv[1], Path(sys.argv[2])
blocks = re.findall(rf"<!-- ci: {re.escape(name)} -->\s*```sh\n(.*?)```", readme.read_text(encoding="utf-8"), re.DOTALL)
if len(blocks) != 1 or len(blocks[0].strip().splitlines()) != 1:
    sys.exit(f"the README must have exactly one marked block {name!r} of one line, found {blocks}")
print(blocks[0].strip())
