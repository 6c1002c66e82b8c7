// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/engine/EvalModule.h"
#include "appliance/spam/match/Pattern.h"
#include "appliance/spam/uri/UriList.h"

#include <QtCore/QHash>

namespace portcullis::spam {

/// Mail::SpamAssassin::Plugin::URIDetail: tests of kind UriDetail, several conditions on one URI.
///
/// The engine runs them through the function "uri_detail" with the name of the test as its argument.
class UriDetailEvals final : public EvalModule
{
public:
    [[nodiscard]] QByteArray plugin() const override;
    void configure(const RuleSet &rules, ProblemSink &problems) override;
    [[nodiscard]] std::vector<Entry> functions() const override;

private:
    enum class Key : quint8 { Raw, Type, Cleaned, Text, Domain, Host };
    struct Condition {
        Key key = Key::Raw;
        Pattern pattern;
        bool isNegated = false;
    };
    using Conditions = std::vector<Condition>;

    static bool holds(const Condition &condition, const UriDetail &detail);
    int check(Scan &scan, const EvalCall &call) const;

    QHash<QByteArray, Conditions> m_tests;
};

}  // namespace portcullis::spam
