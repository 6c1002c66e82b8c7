#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Everything that has to pass: layout, a release build, all tests, tests under the sanitizers, a short run of
# each fuzz target, static analysis. One step's failure does not hide the next one's; the last lines are those
# of the main test run. `installer/checks.sh STEP...` runs only these: format shell build asan tsan fuzz tidy test.
#
# PORTCULLIS_JOBS           tests and compilers at a time (default: number of CPUs)
# PORTCULLIS_FUZZ_SECONDS   each fuzz target (default 6)
set -uo pipefail

cd "$(dirname "$(readlink -f "$0")")/.." || exit 1

readonly logs=build/logs
readonly jobs=${PORTCULLIS_JOBS:-$(nproc)}
# Tests whose subject are threads; ThreadSanitizer is too slow for the others to be worth it.
readonly threaded='^test_(log|spool|spool_faults|event_journal|client_limits|client_memory|dnsbl_health|greylist|greylist_threads|smtp_server|store_writer)$'
failures=()
summaries=()

step() {
    printf '\n\033[1m== %s  [%s]\033[0m\n' "$*" "$(date +%T)"
}

# attempt NAME COMMAND...: runs it, notes a failure and its time.
attempt() {
    local name=$1 started=$SECONDS result=ok
    shift
    step "$name"
    "$@" || { result=FAILED; failures+=("$name"); }
    summaries+=("$(printf '%-7s %-55s %4d s' "$result" "$name" $((SECONDS - started)))")
}

# tracked PATTERN...: files of the repository, whoever owns it.
tracked() {
    git -c safe.directory="$PWD" ls-files -- "$@"
}

check_format() {
    tracked '*.cpp' '*.h' | xargs -r clang-format --dry-run -Werror
}

check_shell() {
    tracked quickstart .ci/run '*.sh' | xargs -r shellcheck
}

# configure PRESET [OPTION...]
configure() {
    local preset=$1
    shift
    [ -f "build/$preset/build.ninja" ] || cmake --preset "$preset" "$@"
}

# Line numbers cost a third of the time; a report names functions, and a debug build the line.
configure_instrumented() {
    configure "$1" -DCMAKE_CXX_FLAGS_DEBUG='-O1 -g0'
}

# test_programs PRESET CTEST_SELECTION...: the selected tests that are programs of ours to build.
test_programs() {
    local preset=$1
    shift
    ctest --test-dir "build/$preset" -N "$@" | sed -n 's/^ *Test *#[0-9]*: //p' |
        while read -r name; do
            ninja -C "build/$preset" -t query "$name" >/dev/null 2>&1 && echo "$name"
        done
}

# build_and_run PRESET CTEST_SELECTION...: builds only what runs.
build_and_run() {
    local preset=$1
    shift
    local -a programs
    configure_instrumented "$preset" || return 1
    mapfile -t programs < <(test_programs "$preset" "$@")
    ninja -C "build/$preset" -k 0 "${programs[@]}" &&
        run_ctest "$preset" -R "^($(IFS='|' && echo "${programs[*]}"))\$"
}

# run_ctest PRESET CTEST_ARGUMENTS...: a test that fails gets a second try, because many start real servers on
# a machine that may be busy; which ones needed it is said in the summary, so that it can be looked into.
run_ctest() {
    local preset=$1 result unsteady
    shift
    ctest --test-dir "build/$preset" --output-on-failure --no-tests=error --repeat until-pass:2 -j "$jobs" "$@" 2>&1 |
        tee "$logs/ctest-$preset.log"
    result=$?
    unsteady=$(sed -nE 's/.*Test +#[0-9]+: ([^ ]+) .*\*\*\*(Failed|Timeout|Exception).*/\1/p' "$logs/ctest-$preset.log" | sort -u | xargs)
    [ -z "$unsteady" ] || summaries+=("        first try failed: $unsteady")
    return "$result"
}

check_build() {
    configure release && ninja -C build/release -k 0
}

check_test() {
    run_ctest release
}

# Without the tests that need a whole gateway or a database: these are about several programs, and run on
# the release build. The archive inspector's sandbox and limits leave no room for a sanitizer; its parsers are
# fuzzed under one.
check_asan() {
    ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1 \
        build_and_run asan -R '^test_' -E '^test_archiveinspector$' -LE "integration|postgres|corpora|spamassassin"
}

check_tsan() {
    # die_after_fork=0: the tests start PostgreSQL, through a fork that only executes it.
    TSAN_OPTIONS="suppressions=$PWD/tests/tsan.supp die_after_fork=0" build_and_run tsan -R "$threaded"
}

# fuzz TARGET: its seeds, and new input for a few seconds.
fuzz() {
    local name seeds
    name=$(basename "$1")
    seeds=$(find tests/fuzz -type d -path "*/corpus/$name" -print -quit)
    mkdir -p "build/fuzz/found/$name"
    if "$1" -seed=1 -max_total_time="${PORTCULLIS_FUZZ_SECONDS:-6}" -timeout=10 -rss_limit_mb=2048 \
        -artifact_prefix="build/fuzz/found/$name-" "build/fuzz/found/$name" ${seeds:+"$seeds"} \
        >"$logs/$name.log" 2>&1; then
        echo "$name: $(grep -E '^Done ' "$logs/$name.log")"
    else
        echo "$name: FAILED"
        tail -n 40 "$logs/$name.log"
        return 1
    fi
}

check_fuzz() {
    configure_instrumented fuzz && ninja -C build/fuzz -k 0 fuzzers || return 1
    export logs
    export -f fuzz
    printf '%s\n' build/fuzz/fuzz/fuzz_* | xargs -P "$jobs" -I {} bash -c 'fuzz {}'
}

# The checks that .clang-tidy counts as errors; the others are advice to the author.
tidy_checks() {
    awk '/^WarningsAsErrors:/ { inside = 1; next } /^[A-Z]/ { inside = 0 }
        inside { gsub(/[[:space:]]/, ""); printf "%s", $0 }' .clang-tidy
}

# On the unity files, which parse Qt's headers once for a folder. The compile commands are GCC's, whose
# warnings clang does not all know.
check_tidy() {
    local result
    configure release || return 1
    find build/release/appliance build/release/shared -name 'unity_*.cxx' -print0 |
        xargs -0 -P "$jobs" -n 1 clang-tidy -p build/release --quiet --checks="-*,$(tidy_checks)" \
            --extra-arg=-Wno-unknown-warning-option >"$logs/tidy.log" 2>&1
    result=$?
    grep -A 3 'error:' "$logs/tidy.log"
    return "$result"
}

run_step() {
    case "$1" in
        format) attempt 'clang-format' check_format ;;
        shell) attempt 'shellcheck' check_shell ;;
        build) attempt 'release build' check_build ;;
        asan) attempt 'unit tests under AddressSanitizer and UBSan' check_asan ;;
        tsan) attempt 'threaded tests under ThreadSanitizer' check_tsan ;;
        fuzz) attempt 'fuzz targets' check_fuzz ;;
        tidy) attempt 'clang-tidy' check_tidy ;;
        test) attempt 'all tests on the release build' check_test ;;
        *)
            echo "checks.sh: unknown step $1" >&2
            exit 2
            ;;
    esac
}

rm -rf "$logs"
mkdir -p "$logs"
[ $# -gt 0 ] || set -- format shell build asan tsan fuzz tidy test
for name in "$@"; do
    run_step "$name"
done

step 'Summary'
printf '%s\n' "${summaries[@]}"
if [ -f "$logs/ctest-release.log" ]; then
    printf '\n'
    sed -n '/tests passed/,$p' "$logs/ctest-release.log"
fi
[ ${#failures[@]} -eq 0 ]
