// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/relays/RelayChain.h"

#include "appliance/spam/conf/RuleSet.h"
#include "appliance/spam/relays/HopReader.h"
#include "appliance/spam/relays/IpScanner.h"

#include <algorithm>

namespace portcullis::spam {

namespace {

QList<QByteArray> wordsOf(const RuleSet &rules, const char *directive)
{
    QList<QByteArray> words;
    for (const Directive &line : rules.directive(directive)) {
        for (const QByteArray &word : line.value.simplified().split(' ')) {
            if (!word.isEmpty()) {
                words.push_back(word);
            }
        }
    }
    return words;
}

/// Follows the chain from the newest relay on: where does trust end?
class ChainBuilder
{
public:
    explicit ChainBuilder(const RelaySettings &settings)
        : m_settings(settings)
        , m_trusted(settings.areTrustedSet ? settings.trusted : settings.internal)
        , m_internal(settings.areInternalSet ? settings.internal : settings.trusted)
    {
    }

    void add(QByteArrayView received)
    {
        HopReading reading = readHop(received);
        const QByteArray noted = std::exchange(m_scannerSender, reading.scannerSender);
        switch (reading.outcome) {
        case HopOutcome::Fetched:
            restart();
            [[fallthrough]];
        case HopOutcome::Skip:
            pass();
            return;
        case HopOutcome::Unknown:
            ++m_chain.unparseable;
            pass();
            return;
        case HopOutcome::Hop:
            break;
        }
        if (!noted.isEmpty() && noted != "0") {
            reading.relay.envelopeFrom = noted;
            reading.relay.hasEnvelopeFrom = true;
        }
        place(std::move(reading.relay));
    }

    RelayChain take() { return std::move(m_chain); }

private:
    // A field that is no hop moves the boundary as long as it has not been crossed.
    void pass()
    {
        m_chain.lastTrusted += m_isTrusted ? 1 : 0;
        m_chain.lastInternal += m_isInternal ? 1 : 0;
    }

    // The mail was fetched from a mailbox: the hops so far are not on its way.
    void restart()
    {
        if (m_mayRestart) {
            m_chain.trusted.clear();
            m_chain.internal.clear();
            m_chain.external.clear();
        }
    }

    void judge(Relay &relay)
    {
        const bool isAuthenticated = !relay.auth.isEmpty() && relay.auth != "0";
        if (!m_settings.areTrustedSet && !m_settings.areInternalSet) {
            if (!relay.isPrivate && !isAuthenticated) {
                m_isTrusted = m_isInternal = false;
            }
            return;
        }
        if (!isAuthenticated && !m_trusted.contains(relay.ip)) {
            m_isTrusted = m_isInternal = false;
            return;
        }
        if (!isAuthenticated && !m_internal.contains(relay.ip)) {
            m_isInternal = false;
        }
        if (m_settings.msa.contains(relay.ip)) {
            relay.isMsa = m_hasMsa = true;
        }
    }

    void place(Relay relay)
    {
        if (m_isTrusted && !m_hasMsa) {
            judge(relay);
        }
        relay.isInternal = m_isInternal;
        m_mayRestart = m_isTrusted;
        m_chain.lastTrusted += m_isTrusted ? 1 : 0;
        m_chain.lastInternal += m_isInternal ? 1 : 0;
        (m_isTrusted ? m_chain.trusted : m_chain.untrusted).push_back(relay);
        (m_isInternal ? m_chain.internal : m_chain.external).push_back(std::move(relay));
    }

    const RelaySettings &m_settings;
    const NetworkSet &m_trusted;
    const NetworkSet &m_internal;
    RelayChain m_chain;
    QByteArray m_scannerSender;
    bool m_isTrusted = true;
    bool m_isInternal = true;
    bool m_hasMsa = false;
    bool m_mayRestart = true;
};

bool namesSomebody(const QByteArray &address)
{
    return address.isEmpty() || address.indexOf('@') > 0;
}

}  // namespace

RelaySettings RelaySettings::fromRules(const RuleSet &rules)
{
    RelaySettings settings;
    for (const QByteArray &word : wordsOf(rules, "trusted_networks")) {
        settings.areTrustedSet = settings.trusted.add(word) || settings.areTrustedSet;
    }
    for (const QByteArray &word : wordsOf(rules, "internal_networks")) {
        settings.areInternalSet = settings.internal.add(word) || settings.areInternalSet;
    }
    for (const QByteArray &word : wordsOf(rules, "msa_networks")) {
        settings.msa.add(word);
    }
    for (const QByteArray &name : wordsOf(rules, "originating_ip_headers")) {
        const bool isKnown = std::any_of(settings.originatingHeaders.begin(),
                                         settings.originatingHeaders.end(),
                                         [&name](const QByteArray &known) {
                                             return known.compare(name, Qt::CaseInsensitive) == 0;
                                         });
        if (!isKnown) {
            settings.originatingHeaders.push_back(name);
        }
    }
    settings.envelopeSenderHeader = rules.value("envelope_sender_header").trimmed();
    if (settings.envelopeSenderHeader.endsWith(':')) {
        settings.envelopeSenderHeader.chop(1);
    }
    return settings;
}

QByteArray Relay::toText() const
{
    return "[ ip=" + ip + " rdns=" + rdns + " helo=" + helo + " by=" + by + " ident=" + ident
           + " envfrom=" + envelopeFrom + " intl=" + (isInternal ? '1' : '0') + " id=" + id
           + " auth=" + auth + " msa=" + (isMsa ? '1' : '0') + " ]";
}

QByteArray RelayChain::toText(const std::vector<Relay> &relays)
{
    QByteArray text;
    for (const Relay &relay : relays) {
        if (!text.isEmpty()) {
            text += ' ';
        }
        text += relay.toText();
    }
    return text;
}

RelayChain readRelays(const std::vector<QByteArray> &received,
                      const RelaySettings &settings,
                      const std::vector<QByteArray> &originating,
                      const RelayLimits &limits)
{
    ChainBuilder builder(settings);
    qsizetype fields = 0;
    for (const QByteArray &field : received) {
        if (++fields > limits.fields) {
            break;
        }
        builder.add(QByteArrayView(field).first(std::min(field.size(), limits.lineBytes)));
    }
    for (const QByteArray &value : originating) {
        const QByteArrayView text = QByteArrayView(value).first(
            std::min(value.size(), limits.lineBytes));
        if (const TextSpan span = findAddress(text); span.length > 0) {
            builder.add("from X-Originating-IP: " + value.mid(span.begin, span.length));
        }
    }
    return builder.take();
}

std::optional<QByteArray> findEnvelopeFrom(const RelayChain &chain,
                                           const RelaySettings &settings,
                                           const SenderClues &clues)
{
    if (!settings.envelopeSenderHeader.isEmpty()) {
        const auto &said = clues.configured.address;
        return said && namesSomebody(*said) ? said : std::nullopt;
    }
    const Relay *hop = nullptr;
    if (!chain.untrusted.empty()) {
        hop = &chain.untrusted.front();
    } else if (!chain.trusted.empty()) {
        hop = &chain.trusted.back();
    }
    if (hop != nullptr && hop->hasEnvelopeFrom && namesSomebody(hop->envelopeFrom)) {
        return hop->envelopeFrom;
    }
    // Lists put the original sender into X-Sender, where fetchmail takes it for the reverse-path.
    if (clues.xSender && clues.xSender->contains('@') && clues.hasFetchmail) {
        return {};
    }
    if (clues.xEnvelopeFrom.address) {
        return clues.xEnvelopeFrom.isBelowReceived ? std::nullopt : clues.xEnvelopeFrom.address;
    }
    // Below a Received field it tells of an earlier transfer, maybe to a list with its own sender.
    for (const SenderClue *clue : {&clues.envelopeSender, &clues.returnPath}) {
        if (clue->address && !clue->isBelowReceived) {
            return clue->address;
        }
    }
    return {};
}

}  // namespace portcullis::spam
