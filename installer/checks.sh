#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Everything that has to pass: all tests on a release build, the unit tests under the sanitizers, a short
# run of each fuzz target, layout and static analysis. One step's failure does not hide the next one's.
# `installer/checks.sh STEP...` runs only these: format shell release asan tsan fuzz tidy.
#
# PORTCULLIS_FUZZ_SECONDS   each fuzz target (default 10)
# PORTCULLIS_TIDY_SECONDS   clang-tidy in all; newest files first (default 240)
set -uo pipefail

cd "$(dirname "$(readlink -f "$0")")/.." || exit 1

readonly logs=build/logs
readonly jobs=${PORTCULLIS_JOBS:-$(nproc)}
# Tests whose subject are threads; ThreadSanitizer is too slow for the others to be worth it.
readonly threaded='test_(spool|log|server|sink|delivery|prefork|filter_scheduler|intake|archivist|resolver)'
failures=()
summaries=()

step() {
    printf '\n\033[1m== %s\033[0m\n' "$*"
}

# attempt NAME COMMAND...: runs it, notes a failure and its time.
attempt() {
    local name=$1 started=$SECONDS
    shift
    step "$name"
    if "$@"; then
        summaries+=("ok      $name ($((SECONDS - started)) s)")
    else
        summaries+=("FAILED  $name ($((SECONDS - started)) s)")
        failures+=("$name")
    fi
}

sources() {
    git ls-files --cached --others --exclude-standard -- "$@" 2>/dev/null ||
        find . -path ./build -prune -o \( -name "$1" -o -name "${2:-$1}" \) -print
}

check_format() {
    sources '*.cpp' '*.h' | xargs -r clang-format --dry-run -Werror
}

check_shell() {
    shellcheck quickstart installer/*.sh .ci/run
}

configure() {
    [ -f "build/$1/build.ninja" ] || cmake --preset "$1"
}

# test_targets PRESET CTEST_SELECTION...: the programs of the tests that are selected.
test_targets() {
    local preset=$1
    shift
    ctest --test-dir "build/$preset" -N "$@" | sed -n 's/^ *Test *#[0-9]*: //p' |
        while read -r name; do
            ninja -C "build/$preset" -t query "$name" >/dev/null 2>&1 && echo "$name"
        done
}

# run_ctest PRESET CTEST_ARGUMENTS...: closing lines are shown again at the end of everything.
run_ctest() {
    local preset=$1 result
    shift
    ctest --test-dir "build/$preset" --output-on-failure --no-tests=error -j "$jobs" "$@" 2>&1 |
        tee "$logs/ctest-$preset.log"
    result=${PIPESTATUS[0]}
    return "$result"
}

check_release() {
    configure release && ninja -C build/release && run_ctest release
}

check_sanitized() {
    local preset=$1 targets
    shift
    configure "$preset" || return 1
    mapfile -t targets < <(test_targets "$preset" "$@")
    [ ${#targets[@]} -gt 0 ] || return 0
    ninja -C "build/$preset" "${targets[@]}" && run_ctest "$preset" "$@"
}

check_fuzz() {
    local target corpus failed=0
    configure fuzz || return 1
    ninja -C build/fuzz fuzzers || return 1
    for target in build/fuzz/fuzz/fuzz_*; do
        [ -x "$target" ] || continue
        corpus=$(find tests/fuzz -type d -path "*/corpus/$(basename "$target")" | head -n 1)
        mkdir -p "build/fuzz/found/$(basename "$target")"
        echo "-- $(basename "$target")"
        "$target" -max_total_time="${PORTCULLIS_FUZZ_SECONDS:-10}" -timeout=10 -rss_limit_mb=2048 \
            -artifact_prefix="build/fuzz/found/" "build/fuzz/found/$(basename "$target")" \
            ${corpus:+"$corpus"} >"$logs/$(basename "$target").log" 2>&1 ||
            { tail -n 30 "$logs/$(basename "$target").log"; failed=1; }
    done
    return "$failed"
}

# The whole tree takes longer than anyone waits for; what was changed last is checked first.
check_tidy() {
    local deadline=$((SECONDS + ${PORTCULLIS_TIDY_SECONDS:-240})) checked=0 failed=0 file
    local -a batch=()
    configure dev || return 1
    while read -r file; do
        batch+=("$file")
        if [ ${#batch[@]} -lt "$jobs" ]; then
            continue
        fi
        printf '%s\n' "${batch[@]}" |
            xargs -P "$jobs" -n 1 clang-tidy -p build/dev --quiet >>"$logs/tidy.log" 2>&1 || failed=1
        checked=$((checked + ${#batch[@]}))
        batch=()
        [ "$SECONDS" -lt "$deadline" ] || break
    done < <(git log --name-only --pretty=format: -- 'appliance/*.cpp' 'shared/*.cpp' |
        awk 'NF && !seen[$0]++' | while read -r file; do [ -f "$file" ] && echo "$file"; done)
    echo "clang-tidy: $checked files, see $logs/tidy.log"
    [ "$failed" -eq 0 ] || grep 'error:' "$logs/tidy.log"
    return "$failed"
}

run_step() {
    case "$1" in
        format) attempt 'clang-format' check_format ;;
        shell) attempt 'shellcheck' check_shell ;;
        release) attempt 'release build and all tests' check_release ;;
        asan) attempt 'unit tests under AddressSanitizer and UBSan' check_sanitized asan -L unit ;;
        tsan) attempt 'threaded tests under ThreadSanitizer' check_sanitized tsan -R "$threaded" ;;
        fuzz) attempt 'fuzz targets' check_fuzz ;;
        tidy) attempt 'clang-tidy' check_tidy ;;
        *)
            echo "checks.sh: unknown step $1" >&2
            exit 2
            ;;
    esac
}

rm -rf "$logs"
mkdir -p "$logs"
for name in "${@:-}"; do
    if [ -n "$name" ]; then
        run_step "$name"
        continue
    fi
    for each in format shell release asan tsan fuzz tidy; do
        run_step "$each"
    done
done

step 'Summary'
printf '%s\n' "${summaries[@]}"
for log in "$logs"/ctest-*.log; do
    [ -f "$log" ] || continue
    printf -- '\n-- %s\n' "$(basename "$log" .log)"
    sed -n '/tests passed/,$p' "$log"
done
[ ${#failures[@]} -eq 0 ]
