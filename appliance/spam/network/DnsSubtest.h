// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/match/Pattern.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <optional>
#include <variant>
#include <vector>

namespace portcullis::spam {

/// What an answer of a list must look like for a test to hit. Four notations of SpamAssassin lead here.
class DnsSubtest
{
public:
    /// Of check_rbl and check_rbl_sub: "127.0.0.2", "16" (a mask within 127/8), else a regex.
    static Result<DnsSubtest> ofRelayList(const QByteArray &text);
    /// Of urirhssub and the like: "127.0.1.2", "127.0.1.20-127.0.1.39", "0.0.0.16/0.0.0.16", "16".
    static Result<DnsSubtest> ofUriList(const QByteArray &text);
    /// Of askdns: those, and "/regex/i", "'a text'", "[NXDOMAIN,4]".
    static Result<DnsSubtest> ofAskDns(const QByteArray &text);
    /// Of check_hashbl_*: a regex.
    static Result<DnsSubtest> ofPattern(const QByteArray &text);

    /// `text`: an address or joined character strings.
    [[nodiscard]] bool matches(QByteArrayView text) const;
    /// For a list of RCODEs; nothing: it is about something else.
    [[nodiscard]] std::optional<bool> matchesCode(int code) const;

private:
    struct Mask {
        quint32 bits;
    };
    struct Range {
        quint32 first;
        quint32 last;
    };
    struct Masked {
        quint32 value;
        quint32 mask;
    };
    using Text = QByteArray;
    using Codes = std::vector<int>;
    using Condition = std::variant<Text, Mask, Range, Masked, Codes, Pattern>;

    explicit DnsSubtest(Condition condition)
        : m_condition(std::move(condition))
    {
    }
    static std::optional<Condition> codes(const QByteArray &text);

    Condition m_condition;
    QByteArray m_asWritten;  ///< A number that is also compared as text.
};

/// An IPv4 address as a number; nothing: no address.
std::optional<quint32> ipv4Number(QByteArrayView text);

}  // namespace portcullis::spam
