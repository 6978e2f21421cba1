#!/bin/sh
# Opens report.html, of a run and of a sweep, in a real headless Chromium and uses it: wide and on a phone, light and dark.
# usage: tests/browser/run.sh [FOLDER FOR SCREENSHOTS]
# Installs what it needs: Debian's chromium, and playwright-core from npm into a folder of its own.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
shots=${1:-$work/shots}
mkdir -p "$shots"

command -v chromium >/dev/null || { apt-get update -q && apt-get install -y -q chromium; }
command -v npm >/dev/null || { apt-get update -q && apt-get install -y -q nodejs npm; }
(cd "$work" && npm init -y >/dev/null && npm install --silent --no-audit --no-fund playwright-core@1)

firedrill=${FIREDRILL:-$root/target/debug/firedrill}
[ -x "$firedrill" ] || (cd "$root" && cargo build)
"$firedrill" run "$root/scenarios/fraud-detection.yaml" --out "$work/story" --quiet --no-trace
"$firedrill" run "$root/scenarios/fraud-detection.yaml" --model flink-default --out "$work/flink" --quiet --no-trace
"$firedrill" sweep "$root/scenarios/fraud-detection.yaml" --set weight=20 --seeds 20 --vary placement.policy=least-loaded,round-robin --out "$work/sweep" --quiet

cp "$here/page.mjs" "$work/page.mjs"
cd "$work" && node page.mjs "$work" "$shots"
