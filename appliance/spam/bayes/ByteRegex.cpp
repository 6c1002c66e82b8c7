// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/bayes/ByteRegex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace portcullis::spam {

namespace {
constexpr quint32 byteRegexMatchLimit = 100'000;  ///< Steps from one place in a header field.
}  // namespace

struct ByteRegex::Private {
    pcre2_code *code = nullptr;
    pcre2_match_context *limits = nullptr;
};

ByteRegex::ByteRegex(const char *pattern)
    : d(std::make_unique<Private>())
{
    int number = 0;
    PCRE2_SIZE offset = 0;
    d->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern), PCRE2_ZERO_TERMINATED,
                            PCRE2_EXTENDED | PCRE2_DOTALL, &number, &offset, nullptr);
    if (d->code == nullptr) {
        qFatal("pattern '%s' is broken at %zu", pattern, size_t(offset));
    }
    pcre2_jit_compile(d->code, PCRE2_JIT_COMPLETE);
    d->limits = pcre2_match_context_create(nullptr);
    pcre2_set_match_limit(d->limits, byteRegexMatchLimit);
}

ByteRegex::~ByteRegex()
{
    pcre2_match_context_free(d->limits);
    pcre2_code_free(d->code);
}

QByteArray ByteRegex::replace(const QByteArray &text, const Replacement &by, bool isOnce) const
{
    const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data *)> result(
        pcre2_match_data_create_from_pattern(d->code, nullptr), pcre2_match_data_free);
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(result.get());
    QByteArray replaced;
    PCRE2_SIZE at = 0;
    const Group group = [&](int number) {
        const PCRE2_SIZE start = ends[2 * number];
        return start == PCRE2_UNSET ? QByteArrayView()
                                    : QByteArrayView(text).sliced(
                                        qsizetype(start), qsizetype(ends[2 * number + 1] - start));
    };
    while (at <= PCRE2_SIZE(text.size())
           && pcre2_match(d->code, reinterpret_cast<PCRE2_SPTR>(text.constData()),
                          PCRE2_SIZE(text.size()), at, 0, result.get(), d->limits)
                  > 0
           && ends[1] > ends[0]) {
        replaced.append(QByteArrayView(text).sliced(qsizetype(at), qsizetype(ends[0] - at)));
        replaced.append(by(group));
        at = ends[1];
        if (isOnce) {
            break;
        }
    }
    if (at == 0) {
        return text;
    }
    return replaced.append(QByteArrayView(text).sliced(qsizetype(at)));
}

QByteArray ByteRegex::replaceAll(const QByteArray &text, const Replacement &by) const
{
    return replace(text, by, false);
}

QByteArray ByteRegex::replaceAll(const QByteArray &text, const QByteArray &by) const
{
    return replace(
        text, [&by](const Group &) { return by; }, false);
}

QByteArray ByteRegex::replaceFirst(const QByteArray &text, const QByteArray &by) const
{
    return replace(
        text, [&by](const Group &) { return by; }, true);
}

}  // namespace portcullis::spam
