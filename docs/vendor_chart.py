"""Fetch the plotting library of the HTML report: ``python docs/vendor_chart.py [VERSION]``.

Needs npm, which checks the package against its registry's integrity hash. The record beside the file says which version
it is and what its SHA-256 is; a test compares both. Without VERSION the recorded version is fetched again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VENDOR = Path(__file__).parents[1] / "ser_toolkit" / "report" / "vendor"
FILES = {"package/dist/chart.umd.min.js": "chart.umd.min.js", "package/LICENSE.md": "chart.LICENSE.md"}


def main() -> None:
    """Replace the files and their record."""
    record = VENDOR / "chart.json"
    version = sys.argv[1] if len(sys.argv) > 1 else json.loads(record.read_text("utf-8"))["version"]
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("npm is needed to fetch Chart.js")
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(
            [npm, "pack", f"chart.js@{version}", "--json"], cwd=folder, check=True, capture_output=True, text=True
        )
        (said,) = json.loads(packed.stdout)
        sums = {}
        with tarfile.open(Path(folder, said["filename"])) as archive:
            for member, name in FILES.items():
                found = archive.extractfile(member)
                if found is None:
                    sys.exit(f"{said['filename']} holds no {member}")
                data = found.read()
                (VENDOR / name).write_bytes(data)
                sums[name] = hashlib.sha256(data).hexdigest()
    about = {
        "name": "Chart.js",
        "package": "chart.js",
        "version": said["version"],
        "license": "MIT",
        "integrity": said["integrity"],
        "sha256": sums,
    }
    record.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    print(f"Chart.js {said['version']}: {sums['chart.umd.min.js']}")


if __name__ == "__main__":
    main()
