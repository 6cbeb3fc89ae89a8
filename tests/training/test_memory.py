"""The allocator setting works where it says so."""

import platform
import subprocess
import sys


def test_freed_memory_is_kept_on_glibc():
    code = (
        "import resource, numpy as np\n"
        "from ser_toolkit.training.memory import keep_freed_memory\n"
        "done = keep_freed_memory()\n"
        "def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "np.ones(20_000_000); before = faults()\n"
        "for _ in range(5): np.ones(20_000_000)\n"
        "print(done, faults() - before)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert (out[0] == "True") == (platform.libc_ver()[0] == "glibc")
    if out[0] == "True":
        assert int(out[1]) < 20_000_000 * 8 / 4096  # fewer page faults than one array has pages
