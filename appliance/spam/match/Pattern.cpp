// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/match/Pattern.h"

#include "appliance/spam/match/RegexTree.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>
#include <atomic>

namespace portcullis::spam {

namespace {

constexpr size_t spamJitStackStart = 64 * 1024;
constexpr size_t spamJitStackLimit = 1024 * 1024;
constexpr uint32_t maxGroups = 64;

std::atomic<quint64> refusedSubjects{0};

struct FreePcre {
    void operator()(pcre2_code *code) const { pcre2_code_free(code); }
    void operator()(pcre2_match_context *context) const { pcre2_match_context_free(context); }
    void operator()(pcre2_match_data *data) const { pcre2_match_data_free(data); }
    void operator()(pcre2_jit_stack *stack) const { pcre2_jit_stack_free(stack); }
};
template<typename T>
using PcrePointer = std::unique_ptr<T, FreePcre>;

/// What a thread needs to match; patterns themselves are shared.
struct MatchScratch {
    PcrePointer<pcre2_match_data> data{pcre2_match_data_create(maxGroups, nullptr)};
    PcrePointer<pcre2_jit_stack> stack{
        pcre2_jit_stack_create(spamJitStackStart, spamJitStackLimit, nullptr)};
};

MatchScratch &matchScratch()
{
    thread_local MatchScratch scratch;
    return scratch;
}

pcre2_jit_stack *jitStackOfThread(void *)
{
    return matchScratch().stack.get();
}

PCRE2_SPTR units(QByteArrayView text)
{
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) PCRE2's own character type
    return reinterpret_cast<PCRE2_SPTR>(text.isEmpty() ? "" : text.data());
}

QString pcreMessage(int errorNumber)
{
    std::array<PCRE2_UCHAR, 200> text{};
    pcre2_get_error_message(errorNumber, text.data(), text.size());
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) PCRE2's own character type
    return QString::fromLatin1(reinterpret_cast<const char *>(text.data()));
}

uint32_t optionsOf(const Regex &regex)
{
    uint32_t options = PCRE2_NEVER_BACKSLASH_C | PCRE2_NEVER_UTF;
    options |= regex.isCaseless ? PCRE2_CASELESS : 0U;
    options |= regex.isMultiLine ? PCRE2_MULTILINE : 0U;
    options |= regex.isDotAll ? PCRE2_DOTALL : 0U;
    options |= regex.isExtended ? PCRE2_EXTENDED : 0U;
    options |= regex.hasNoCapture ? PCRE2_NO_AUTO_CAPTURE : 0U;
    return options;
}

struct Compilation {
    PcrePointer<pcre2_code> code;
    int error = 0;
    size_t offset = 0;
};

Compilation compileText(const QByteArray &text, uint32_t options)
{
    Compilation result;
    result.code.reset(pcre2_compile(units(text), static_cast<size_t>(text.size()), options,
                                    &result.error, &result.offset, nullptr));
    return result;
}

}  // namespace

struct Pattern::Code {
    PcrePointer<pcre2_code> compiled;
    PcrePointer<pcre2_match_context> context;
    std::vector<std::pair<QByteArray, uint32_t>> names;
    bool hasJit = false;

    /// Number of groups set (at least 1); 0: no match, or beyond the limits.
    [[nodiscard]] int match(QByteArrayView subject, qsizetype from) const
    {
        pcre2_match_data *data = matchScratch().data.get();
        const auto *const text = units(subject);
        const auto size = static_cast<size_t>(subject.size());
        const int found = hasJit
                              ? pcre2_jit_match(compiled.get(), text, size,
                                                static_cast<size_t>(from), 0, data, context.get())
                              : pcre2_match(compiled.get(), text, size, static_cast<size_t>(from),
                                            0, data, context.get());
        if (found >= 0) {
            return found == 0 ? static_cast<int>(maxGroups) : found;
        }
        if (found != PCRE2_ERROR_NOMATCH) {
            refusedSubjects.fetch_add(1, std::memory_order_relaxed);
        }
        return 0;
    }
    static Span group(uint32_t number)
    {
        const PCRE2_SIZE *offsets = pcre2_get_ovector_pointer(matchScratch().data.get());
        return {static_cast<qsizetype>(offsets[2 * number]),
                static_cast<qsizetype>(offsets[2 * number + 1])};
    }
    void readNames()
    {
        uint32_t count = 0;
        uint32_t width = 0;
        PCRE2_SPTR table = nullptr;
        pcre2_pattern_info(compiled.get(), PCRE2_INFO_NAMECOUNT, &count);
        pcre2_pattern_info(compiled.get(), PCRE2_INFO_NAMEENTRYSIZE, &width);
        pcre2_pattern_info(compiled.get(), PCRE2_INFO_NAMETABLE, &table);
        for (uint32_t i = 0; i < count; ++i, table += width) {
            const uint32_t number = (uint32_t(table[0]) << 8U) | table[1];
            // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) PCRE2's own character type
            names.emplace_back(QByteArray(reinterpret_cast<const char *>(table + 2)), number);
        }
    }
};

Pattern::Pattern(std::shared_ptr<const Code> code)
    : m_code(std::move(code))
{
}

Result<Pattern> Pattern::compile(const Regex &regex, const MatchLimits &limits)
{
    if (regex.source.size() > limits.length) {
        return Error::permanent("regex.too-long",
                                QStringLiteral("longer than %1 bytes").arg(limits.length));
    }
    if (regex.source.contains("(?{") || regex.source.contains("(??{")) {
        return Error::permanent("regex.syntax", QStringLiteral("Perl code in an expression"));
    }
    auto code = std::make_shared<Code>();
    Compilation done = compileText(pcreText(regex.source), optionsOf(regex));
    bool isRewritten = false;
    if (!done.code && done.error == PCRE2_ERROR_PATTERN_TOO_LARGE) {
        auto tree = readRegex(regex);
        if (!tree || tree->hasReferences || regex.capturesNames) {
            return Error::permanent("regex.too-large", pcreMessage(done.error));
        }
        done = compileText(compactText(std::move(*tree)), PCRE2_CASELESS | PCRE2_NEVER_BACKSLASH_C);
        isRewritten = true;
    }
    if (!done.code) {
        return Error::permanent(
            isRewritten ? "regex.too-large" : "regex.syntax",
            QStringLiteral("position %1: %2").arg(done.offset).arg(pcreMessage(done.error)));
    }
    code->compiled = std::move(done.code);
    code->context.reset(pcre2_match_context_create(nullptr));
    pcre2_set_match_limit(code->context.get(), limits.steps);
    pcre2_set_depth_limit(code->context.get(), limits.depth);
    pcre2_set_heap_limit(code->context.get(), limits.heapKilobytes);
    pcre2_jit_stack_assign(code->context.get(), &jitStackOfThread, nullptr);
    // Without JIT (not compiled in, or no memory) the interpreter matches under the same limits.
    code->hasJit = limits.usesJit
                   && pcre2_jit_compile(code->compiled.get(), PCRE2_JIT_COMPLETE) == 0;
    if (!isRewritten) {
        code->readNames();
    }
    return Pattern(std::move(code));
}

bool Pattern::matches(QByteArrayView subject) const
{
    return m_code->match(subject, 0) > 0;
}

std::optional<Pattern::Span> Pattern::find(QByteArrayView subject, qsizetype from) const
{
    if (from > subject.size() || m_code->match(subject, from) == 0) {
        return std::nullopt;
    }
    return Code::group(0);
}

int Pattern::count(QByteArrayView subject, int most) const
{
    int hits = 0;
    for (qsizetype from = 0; from <= subject.size() && (most == 0 || hits < most);) {
        const auto span = find(subject, from);
        if (!span) {
            break;
        }
        ++hits;
        // perlre: after an empty match the next one must not be empty at the same place.
        from = span->end > span->begin ? span->end : span->end + 1;
    }
    return hits;
}

std::vector<QByteArray> Pattern::groups(QByteArrayView subject, qsizetype from) const
{
    std::vector<QByteArray> texts;
    const int count = from > subject.size() ? 0 : m_code->match(subject, from);
    for (int i = 0; i < count; ++i) {
        const Span span = Code::group(static_cast<uint32_t>(i));
        texts.push_back(span.begin < 0
                            ? QByteArray()
                            : subject.sliced(span.begin, span.end - span.begin).toByteArray());
    }
    return texts;
}

std::vector<std::pair<QByteArray, QByteArray>> Pattern::captures(QByteArrayView subject,
                                                                 int most) const
{
    std::vector<std::pair<QByteArray, QByteArray>> found;
    int hits = 0;
    for (qsizetype from = 0; from <= subject.size() && (most == 0 || hits < most); ++hits) {
        const int count = m_code->match(subject, from);
        if (count == 0) {
            break;
        }
        for (const auto &[name, number] : m_code->names) {
            const Span span = number < static_cast<uint32_t>(count) ? Code::group(number) : Span{};
            if (span.begin >= 0 && span.end > span.begin) {
                found.emplace_back(name,
                                   subject.sliced(span.begin, span.end - span.begin).toByteArray());
            }
        }
        const Span whole = Code::group(0);
        from = whole.end > whole.begin ? whole.end : whole.end + 1;
    }
    return found;
}

bool Pattern::hasNamedGroups() const
{
    return !m_code->names.empty();
}

quint64 Pattern::refusals()
{
    return refusedSubjects.load(std::memory_order_relaxed);
}

}  // namespace portcullis::spam
