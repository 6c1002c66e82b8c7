// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/bayes/StopWords.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace portcullis::spam {

namespace {

constexpr quint32 stopWordMatchLimit = 10'000;  ///< Steps for one word.

struct MatchDataDeleter {
    void operator()(pcre2_match_data *data) const { pcre2_match_data_free(data); }
};

}  // namespace

struct StopWords::Expression {
    pcre2_code *code = nullptr;
    pcre2_match_context *limits = nullptr;

    Expression(pcre2_code *compiled, pcre2_match_context *context)
        : code(compiled)
        , limits(context)
    {
    }
    ~Expression()
    {
        pcre2_match_context_free(limits);
        pcre2_code_free(code);
    }
    Q_DISABLE_COPY_MOVE(Expression)
};

Status StopWords::add(const QByteArray &expression)
{
    // Perl writes its default flags as (?^:…); the words have none of their own.
    QByteArray source = expression;
    source.replace("(?^:", "(?:");
    int number = 0;
    PCRE2_SIZE offset = 0;
    pcre2_code *code = pcre2_compile(
        reinterpret_cast<PCRE2_SPTR>(source.constData()), PCRE2_SIZE(source.size()),
        PCRE2_CASELESS | PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_NO_AUTO_CAPTURE, &number,
        &offset, nullptr);
    if (code == nullptr) {
        PCRE2_UCHAR message[128] = {};
        pcre2_get_error_message(number, message, sizeof message);
        return Error::permanent("bayes.stopwords",
                                QString::fromLatin1(reinterpret_cast<const char *>(message)));
    }
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    pcre2_match_context *limits = pcre2_match_context_create(nullptr);
    pcre2_set_match_limit(limits, stopWordMatchLimit);
    m_expressions.push_back(std::make_shared<const Expression>(code, limits));
    return ok();
}

bool StopWords::contains(QByteArrayView token) const
{
    static thread_local const std::unique_ptr<pcre2_match_data, MatchDataDeleter> result(
        pcre2_match_data_create(1, nullptr));
    for (const auto &expression : m_expressions) {
        if (pcre2_match(expression->code, reinterpret_cast<PCRE2_SPTR>(token.data()),
                        PCRE2_SIZE(token.size()), 0, 0, result.get(), expression->limits)
            >= 0) {
            return true;
        }
    }
    return false;
}

}  // namespace portcullis::spam
