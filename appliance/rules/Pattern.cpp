// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/rules/Pattern.h"

#include "appliance/rules/PatternShape.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>

namespace portcullis::rules {

namespace {

/// Subjects of the probe. An exponential pattern needs some 25 characters to run into the limit, a
/// cubic one these; a quadratic one passes, and is bounded at run time by PatternLimits::matchSteps.
constexpr qsizetype probeLength = 256;
constexpr quint32 probeSteps = 1'000'000;
constexpr size_t jitStackStart = 32 * 1024;
constexpr size_t jitStackLimit = 512 * 1024;

struct FreeCode {
    void operator()(pcre2_code *code) const { pcre2_code_free(code); }
};
struct FreeMatchContext {
    void operator()(pcre2_match_context *context) const { pcre2_match_context_free(context); }
};
struct FreeMatchData {
    void operator()(pcre2_match_data *data) const { pcre2_match_data_free(data); }
};
struct FreeJitStack {
    void operator()(pcre2_jit_stack *stack) const { pcre2_jit_stack_free(stack); }
};

/// What a thread needs to match; patterns themselves are shared between threads.
struct ThreadScratch {
    std::unique_ptr<pcre2_match_data, FreeMatchData> data{pcre2_match_data_create(1, nullptr)};
    std::unique_ptr<pcre2_jit_stack, FreeJitStack> stack{
        pcre2_jit_stack_create(jitStackStart, jitStackLimit, nullptr)};
};

ThreadScratch &threadScratch()
{
    thread_local ThreadScratch scratch;
    return scratch;
}

pcre2_jit_stack *stackOfThread(void *)
{
    return threadScratch().stack.get();
}

using MatchContext = std::unique_ptr<pcre2_match_context, FreeMatchContext>;

MatchContext makeContext(const PatternLimits &limits, quint32 steps)
{
    MatchContext context(pcre2_match_context_create(nullptr));
    pcre2_set_match_limit(context.get(), steps);
    pcre2_set_depth_limit(context.get(), limits.depth);
    pcre2_set_heap_limit(context.get(), limits.heapKilobytes);
    pcre2_jit_stack_assign(context.get(), &stackOfThread, nullptr);
    return context;
}

QString messageOf(int errorNumber)
{
    std::array<PCRE2_UCHAR, 200> text{};
    pcre2_get_error_message(errorNumber, text.data(), text.size());
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) PCRE2's own character type
    return QString::fromUtf8(reinterpret_cast<const char *>(text.data()));
}

}  // namespace

struct Pattern::Code {
    QByteArray text;
    PatternLimits limits;
    std::unique_ptr<pcre2_code, FreeCode> compiled;
    MatchContext context;

    [[nodiscard]] MatchOutcome match(QByteArrayView subject, pcre2_match_context *within) const
    {
        const qsizetype length = std::min(subject.size(), limits.subjectBytes);
        const int found = pcre2_match(
            compiled.get(),
            // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) PCRE2's own character type
            reinterpret_cast<PCRE2_SPTR>(subject.isEmpty() ? "" : subject.data()),
            static_cast<size_t>(length), 0, 0, threadScratch().data.get(), within);
        if (found >= 0) {
            return MatchOutcome::Match;
        }
        return found == PCRE2_ERROR_NOMATCH ? MatchOutcome::NoMatch : MatchOutcome::Limit;
    }
};

Pattern::Pattern(std::shared_ptr<const Code> code)
    : m_code(std::move(code))
{
}

Result<Pattern> Pattern::compile(const QByteArray &text,
                                 PatternAnchoring anchoring,
                                 PatternCase sensitivity,
                                 const PatternLimits &limits)
{
    if (text.size() > limits.length * 4 || QString::fromUtf8(text).size() > limits.length) {
        return Error::permanent("pattern.too-long",
                                QStringLiteral("longer than %1 characters").arg(limits.length));
    }
    // DOTALL: a line end hidden in a name or a header must not help it past `.*`.
    uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOTALL | PCRE2_NEVER_BACKSLASH_C;
    options |= sensitivity == PatternCase::Insensitive ? PCRE2_CASELESS : 0U;
    options |= anchoring == PatternAnchoring::WholeSubject ? PCRE2_ANCHORED | PCRE2_ENDANCHORED
                                                           : 0U;
    int errorNumber = 0;
    size_t errorOffset = 0;
    auto code = std::make_shared<Code>();
    code->compiled.reset(pcre2_compile(
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) PCRE2's own character type
        reinterpret_cast<PCRE2_SPTR>(text.constData()), static_cast<size_t>(text.size()), options,
        &errorNumber, &errorOffset, nullptr));
    if (!code->compiled) {
        return Error::permanent(
            "pattern.syntax",
            QStringLiteral("position %1: %2").arg(errorOffset).arg(messageOf(errorNumber)));
    }
    size_t size = 0;
    pcre2_pattern_info(code->compiled.get(), PCRE2_INFO_SIZE, &size);
    if (size > limits.compiledBytes) {
        return Error::permanent("pattern.too-large",
                                QStringLiteral("needs %1 bytes when compiled, more than %2")
                                    .arg(size)
                                    .arg(limits.compiledBytes));
    }
    // Without JIT (not compiled in, or no memory) the interpreter matches under the same limits.
    pcre2_jit_compile(code->compiled.get(), PCRE2_JIT_COMPLETE);
    code->text = text;
    code->limits = limits;
    code->context = makeContext(limits, limits.matchSteps);
    return Pattern(std::move(code));
}

MatchOutcome Pattern::match(QByteArrayView subject) const
{
    return m_code->match(subject, m_code->context.get());
}

Status Pattern::checkBounded() const
{
    const PatternShape shape = TRY(PatternShape::read(m_code->text));
    const int offset = shape.hasAtomicParts() ? -1 : shape.exponentialOffset();
    if (offset >= 0) {
        return Error::permanent(
            "pattern.unbounded",
            QStringLiteral("position %1: what is repeated here can match the same text in many "
                           "ways, so that matching could take exponential time; make the repeated "
                           "parts begin or end with something distinct")
                .arg(offset));
    }
    const MatchContext context = makeContext(m_code->limits, probeSteps);
    for (const QByteArray &subject : shape.hostileSubjects(probeLength)) {
        if (m_code->match(subject, context.get()) == MatchOutcome::Limit) {
            return Error::permanent(
                "pattern.unbounded",
                QStringLiteral("position 0: matching a text of %1 characters (\"%2…\") takes more "
                               "than %3 steps; use fewer open repetitions such as .*")
                    .arg(subject.size())
                    .arg(QString::fromUtf8(subject.left(20)))
                    .arg(probeSteps));
        }
    }
    return ok();
}

const QByteArray &Pattern::text() const
{
    return m_code->text;
}

}  // namespace portcullis::rules
