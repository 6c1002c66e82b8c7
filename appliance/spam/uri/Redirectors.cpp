// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/uri/Redirectors.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>

namespace portcullis::spam {

namespace {

struct CodeDeleter {
    void operator()(pcre2_code *code) const { pcre2_code_free(code); }
};
struct MatchDeleter {
    void operator()(pcre2_match_data *data) const { pcre2_match_data_free(data); }
};
struct ContextDeleter {
    void operator()(pcre2_match_context *context) const { pcre2_match_context_free(context); }
};

struct DelimitedPattern {
    QByteArray source;
    quint32 options = 0;
};

char closingOf(char opening)
{
    switch (opening) {
    case '(':
        return ')';
    case '{':
        return '}';
    case '[':
        return ']';
    case '<':
        return '>';
    default:
        return opening;
    }
}

std::optional<DelimitedPattern> parseDelimited(const QByteArray &text)
{
    const bool hasM = text.startsWith('m') && text.size() > 1;
    const qsizetype start = hasM ? 1 : 0;
    if (text.size() < start + 2 || (!hasM && !text.startsWith('/'))) {
        return std::nullopt;
    }
    const qsizetype end = text.lastIndexOf(closingOf(text[start]));
    if (end <= start) {
        return std::nullopt;
    }
    DelimitedPattern result{text.sliced(start + 1, end - start - 1), 0};
    for (const char flag : text.sliced(end + 1)) {
        switch (flag) {
        case 'i':
            result.options |= PCRE2_CASELESS;
            break;
        case 'm':
            result.options |= PCRE2_MULTILINE;
            break;
        case 's':
            result.options |= PCRE2_DOTALL;
            break;
        case 'x':
            result.options |= PCRE2_EXTENDED;
            break;
        case 'a':
            break;  // Octets are all we know.
        default:
            return std::nullopt;
        }
    }
    return result;
}

}  // namespace

struct Redirectors::Private {
    std::vector<std::unique_ptr<pcre2_code, CodeDeleter>> patterns;
    std::unique_ptr<pcre2_match_data, MatchDeleter> match;
    std::unique_ptr<pcre2_match_context, ContextDeleter> context;
};

Redirectors::Redirectors(quint32 matchLimit)
    : d(std::make_unique<Private>())
{
    constexpr quint32 groups = 2;  // The whole and what is captured.
    d->match.reset(pcre2_match_data_create(groups, nullptr));
    d->context.reset(pcre2_match_context_create(nullptr));
    pcre2_set_match_limit(d->context.get(), matchLimit);
}

Redirectors::~Redirectors() = default;
Redirectors::Redirectors(Redirectors &&) noexcept = default;
Redirectors &Redirectors::operator=(Redirectors &&) noexcept = default;

std::optional<QByteArray> Redirectors::add(const QByteArray &pattern)
{
    const auto parsed = parseDelimited(pattern);
    if (!parsed) {
        return QByteArrayLiteral("not a pattern between delimiters");
    }
    int error = 0;
    PCRE2_SIZE at = 0;
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) PCRE2 counts octets as unsigned
    const auto *source = reinterpret_cast<PCRE2_SPTR>(parsed->source.constData());
    std::unique_ptr<pcre2_code, CodeDeleter> code(
        pcre2_compile(source, static_cast<PCRE2_SIZE>(parsed->source.size()), parsed->options,
                      &error, &at, nullptr));
    if (!code) {
        std::array<PCRE2_UCHAR, 256> words{};
        pcre2_get_error_message(error, words.data(), words.size());
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
        return QByteArray(reinterpret_cast<const char *>(words.data()));
    }
    pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);  // Without JIT it is slower, no more.
    d->patterns.push_back(std::move(code));
    return std::nullopt;
}

QByteArray Redirectors::target(const QByteArray &uri) const
{
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
    const auto *subject = reinterpret_cast<PCRE2_SPTR>(uri.constData());
    for (const auto &pattern : d->patterns) {
        const int found = pcre2_match(pattern.get(), subject, static_cast<PCRE2_SIZE>(uri.size()),
                                      0, 0, d->match.get(), d->context.get());
        if (found != 0 && found < 2) {
            continue;
        }
        const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(d->match.get());
        if (ends[2] == PCRE2_UNSET || ends[3] < ends[2]) {
            continue;
        }
        const QByteArray target = uri.sliced(qsizetype(ends[2]), qsizetype(ends[3] - ends[2]));
        if (target.contains('.')) {
            return target;
        }
    }
    return {};
}

}  // namespace portcullis::spam
