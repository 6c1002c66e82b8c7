// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/antivirus/CustomCheck.h"
#include "appliance/antivirus/Scanner.h"
#include "appliance/archive/ArchiveInspector.h"
#include "appliance/filter/FilterSettings.h"
#include "appliance/filter/OutgoingSigner.h"
#include "appliance/filter/SenderCheck.h"
#include "appliance/mail/Message.h"
#include "appliance/rules/MailFacts.h"
#include "appliance/spam/SpamEngine.h"
#include "appliance/verdict/Verdict.h"

#include <QtCore/QElapsedTimer>

#include <memory>
#include <optional>
#include <vector>

namespace portcullis::filter {

/// The engines of one worker. Optional ones are null where the configuration has them off.
struct Engines {
    std::unique_ptr<antivirus::CustomCheck> customCheck;
    std::vector<std::shared_ptr<const antivirus::Scanner>> scanners;  ///< In order: Avast, ClamAV.
    std::unique_ptr<archive::ArchiveInspector> archiveInspector;
    std::unique_ptr<spam::SpamEngine> spam;
    std::unique_ptr<SenderCheck> senderCheck;      ///< Of incoming mail.
    std::shared_ptr<const OutgoingSigner> signer;  ///< Of outgoing mail.
};

/// Everything that is known about one message while it is judged: the facts that the rules ask for.
///
/// examine() runs what is always needed (parsing, custom check, virus scan, sender authentication);
/// archives and spam wait until a rule asks. Used by one thread, lives no longer than the request.
class MailInspection final : public rules::MailFacts
{
public:
    MailInspection(const verdict::FilterRequest &request,
                   const FilterSettings &settings,
                   const Engines &engines);

    /// Errors: those of the scanners, transient. A scanner that gives no answer defers the message;
    /// it is never taken for clean.
    Status examine();

    [[nodiscard]] const mail::Message &message() const { return m_message; }
    [[nodiscard]] const QString &scanner() const { return m_scanner; }  ///< Who found the virus.
    /// SPF, DKIM, ARC and DMARC; nothing for outgoing mail.
    [[nodiscard]] const std::optional<SenderFinding> &senderFinding() const { return m_sender; }
    /// Fields that pretend to be our Authentication-Results.
    [[nodiscard]] std::vector<const mail::HeaderField *> forgedResults() const;
    /// "ambiguous: two boundaries": the states known so far, in words.
    [[nodiscard]] QStringList stateTexts() const;
    /// Virus, alerts, states and times, for tracking and the quarantine.
    [[nodiscard]] QJsonObject evidence() const;

    // MailFacts
    [[nodiscard]] mail::Direction direction() const override { return m_request.direction; }
    [[nodiscard]] const mail::Address &sender() const override { return m_request.envelope.sender; }
    [[nodiscard]] const QHostAddress &clientAddress() const override
    {
        return m_request.client.address;
    }
    [[nodiscard]] const std::vector<mail::Recipient> &recipients() const override
    {
        return m_request.envelope.recipients;
    }
    [[nodiscard]] QTime localTime() const override { return m_localTime; }
    [[nodiscard]] const QString &virus() const override { return m_virus; }
    [[nodiscard]] const std::vector<rules::PartFacts> &parts() const override;
    [[nodiscard]] const std::vector<rules::StateFinding> &states() const override
    {
        return m_states;
    }
    Result<std::vector<rules::ArchiveFacts>> archives() override;
    Result<rules::SpamFacts> spam() override;

private:
    Status runCustomCheck();
    void checkSender();
    Status scan();
    Status scanReadings(const antivirus::Scanner &scanner, antivirus::ScanFinding &finding);
    void take(const antivirus::Scanner &scanner, const antivirus::ScanFinding &finding);
    void takeDefects();
    void logSpam(const spam::SpamFinding &finding, qint64 milliseconds) const;
    Result<rules::ArchiveFacts> listArchive(const mail::Part &part);

    const verdict::FilterRequest &m_request;
    const FilterSettings &m_settings;
    const Engines &m_engines;
    mail::Message m_message;
    QTime m_localTime;
    QString m_virus;
    QString m_scanner;
    std::optional<SenderFinding> m_sender;
    std::vector<rules::StateFinding> m_states;
    std::vector<spam::SpamHit>
        m_earlyHits;  ///< Points before the spam engine: scanners, custom check.
    std::vector<QString> m_alerts;
    mutable std::optional<std::vector<rules::PartFacts>> m_parts;
    QJsonObject m_times;
};

}  // namespace portcullis::filter
