#!/usr/bin/env bash
# Builds the example plugin as a wheel, installs it, and does with it all that ser-toolkit can do.
# Needs ser-toolkit[train] in the active environment, and leaves nothing behind in it.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
python=${PYTHON:-python}
clean_up() {
  "$python" -m pip uninstall --quiet --yes ser-toolkit-rhythm try-scaffold >"$work/uninstall.log" 2>&1 || true
  rm -rf "$work"
}
trap clean_up EXIT
cd "$work"
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} # on work this small, threads do little but wait for each other

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
build() { # build FOLDER: its wheel, in ./wheels; with the installed hatchling where there is one
  local isolation=()
  if "$python" -c 'import hatchling' 2>/dev/null; then isolation=(--no-build-isolation); fi
  "$python" -m pip wheel --quiet --no-deps "${isolation[@]}" --wheel-dir wheels "$1"
}
plugins_are_ok() { # plugins_are_ok NAME COMPONENT...
  ser-toolkit plugins --json | "$python" -c '
import json, sys
name, *wanted = sys.argv[1:]
(plugin,) = [p for p in json.load(sys.stdin) if p["plugin"] == name]
found = [c["name"] for c in plugin["components"]]
assert plugin["status"] == "ok" and found == wanted, plugin
print(name, "of", plugin["distribution"], plugin["version"], "is ok:", *found)' "$@"
}

say "wheel"
cp -r "$here/ser-toolkit-rhythm" plugin # building writes into the folder
build ./plugin
"$python" -m pip install --quiet --no-index wheels/ser_toolkit_rhythm-*.whl
plugins_are_ok rhythm rhythm small-net

say "contracts"
ser-toolkit plugins --check rhythm

say "train, export, analyze"
"$python" "$here/make_sounds.py" sounds
ser-toolkit train sounds/manifest.csv --features rhythm --model small-net --epochs 20 --set training.lr=0.01 \
  --device cpu --out runs/rhythm
ser-toolkit export-onnx runs/rhythm -o rhythm.onnx
ser-toolkit analyze sounds --speech off --model rhythm.onnx --device cpu --json >results.jsonl
"$python" -c '
import json
rows = [json.loads(line) for line in open("results.jsonl", encoding="utf-8")]
bad = [r for r in rows if r["status"] != "ok" or set(r["probabilities"]) != {"anger", "sadness"}]
assert len(rows) == 32 and not bad, (len(rows), bad)
right = sum(max(r["probabilities"], key=r["probabilities"].get) in r["file"] for r in rows)
assert right >= 28, f"{right} of 32 are right, on sounds that differ in tempo and level"
print(right, "of", len(rows), "files are right")'

say "without the plugin the model says what it lacks"
"$python" -m pip uninstall --quiet --yes ser-toolkit-rhythm
if ser-toolkit analyze sounds --speech off --model rhythm.onnx --device cpu --json >out.jsonl 2>errors.txt; then
  fail "the model ran without its plugin"
fi
cat errors.txt
[ ! -s out.jsonl ] || fail "something was written to standard output"
grep -q "ser-toolkit-rhythm" errors.txt || fail "the message does not name the distribution"
if grep -q Traceback errors.txt; then fail "that was a traceback, no message"; fi

say "a new plugin"
ser-toolkit plugins new try-scaffold
build ./try-scaffold
"$python" -m pip install --quiet --no-index wheels/try_scaffold-*.whl
plugins_are_ok try-scaffold try-scaffold try-scaffold-net
ser-toolkit plugins --check try-scaffold

say "all of it works"
