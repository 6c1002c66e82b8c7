// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/filter/DnsTxtLookup.h"

#include <algorithm>

namespace portcullis::filter {

namespace {

using authentication::TxtAnswer;

TxtAnswer toTxtAnswer(const Result<DnsAnswer> &answer)
{
    if (!answer) {
        return {TxtAnswer::Kind::TemporaryFailure, {}};
    }
    if (answer->kind != DnsAnswer::Kind::Records) {
        return {TxtAnswer::Kind::None, {}};
    }
    return {TxtAnswer::Kind::Records, textsOf(*answer)};
}

}  // namespace

DnsTxtLookup::DnsTxtLookup(BlockingResolver &resolver, std::chrono::milliseconds total)
    : m_resolver(resolver)
    , m_end(std::chrono::steady_clock::now() + total)
{
}

void DnsTxtLookup::ask(const std::vector<QByteArray> &names)
{
    std::vector<BlockingResolver::Question> questions;
    for (const QByteArray &name : names) {
        if (!m_known.contains(name)) {
            questions.push_back({name, DnsType::Txt});
        }
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        m_end - std::chrono::steady_clock::now());
    const auto answers = m_resolver.lookup(questions, std::max(left, std::chrono::milliseconds(0)));
    for (size_t i = 0; i < questions.size(); ++i) {
        m_known.insert(questions[i].name, toTxtAnswer(answers[i]));
    }
}

void DnsTxtLookup::prefetch(const std::vector<QByteArray> &names)
{
    ask(names);
}

TxtAnswer DnsTxtLookup::texts(const QByteArray &name)
{
    ask({name});
    return m_known.value(name);
}

}  // namespace portcullis::filter
