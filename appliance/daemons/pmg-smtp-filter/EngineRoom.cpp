// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/daemons/pmg-smtp-filter/EngineRoom.h"

#include "appliance/antivirus/AvastScanner.h"
#include "appliance/base/Log.h"
#include "appliance/config/ConfigFile.h"
#include "appliance/mail/Message.h"
#include "appliance/spam/network/FingerprintService.h"

namespace portcullis {

namespace {

QString fromUtf8(const QByteArray &bytes)
{
    return QString::fromUtf8(bytes);
}

/// `Name <address>`; a bare `postmaster` belongs to our own domain.
void setMailFrom(filter::FilterSettings &settings, const config::Config &config)
{
    const QByteArray &text = config.admin.mailFrom;
    const qsizetype open = text.lastIndexOf('<');
    const qsizetype close = text.lastIndexOf('>');
    const bool hasBrackets = open >= 0 && close > open;
    QByteArray address = hasBrackets ? text.mid(open + 1, close - open - 1) : text.trimmed();
    if (!address.contains('@')) {
        address += '@' + config.fqdn;
    }
    if (const auto parsed = mail::Address::parse(address)) {
        settings.mailFrom = *parsed;
    }
    settings.mailFromName = hasBrackets ? fromUtf8(text.left(open).trimmed()) : QString();
}

Result<authentication::DkimKey> readSigningKey(const QString &path, const QByteArray &selector)
{
    if (selector.isEmpty()) {
        return Error::permanent("dkim.selector",
                                QStringLiteral("admin/dkim_sign is on without a dkim_selector"));
    }
    const QByteArray pem = TRY(config::readConfigFile(path));
    auto key = pem.isEmpty() ? Result<authentication::DkimKey>(
                   Error::permanent("dkim.key", QStringLiteral("the file is missing or empty")))
                             : authentication::DkimKey::fromPem(pem);
    if (!key) {
        return Error::permanent(key.error().id, path + QStringLiteral(": ") + key.error().detail);
    }
    return key;
}

archive::ArchiveLimits archiveLimits(const config::ClamavSettings &clamav)
{
    archive::ArchiveLimits limits;
    limits.entries = static_cast<quint32>(std::max(1, clamav.archiveMaxFiles));
    limits.ratio = static_cast<quint32>(clamav.archiveMaxRatio);
    limits.nestedBytes = static_cast<quint64>(clamav.archiveMaxSize);
    limits.time = clamav.archiveTimeout;
    return limits;
}

}  // namespace

EngineRoom::EngineRoom(config::ConfigLoader loader)
    : m_loader(std::move(loader))
{
}

Result<filter::PreforkSettings> EngineRoom::prepare()
{
    m_configStamp = m_loader.stamp();
    auto config = TRY(m_loader.load());
    TRY(loadSignatures(*config));
    m_config = std::move(config);
    mail::initialise();
    m_spam.prepare(*m_config, m_loader.paths());
    loadAuthenticator();
    loadSigningKey();
    filter::PreforkSettings settings;
    settings.socketPath = m_loader.paths().filterSocket();
    settings.workers = m_config->mail.maxFilters;
    settings.messageTimeout = m_config->mail.filterTimeout;
    return settings;
}

bool EngineRoom::needsReload()
{
    if (m_loader.stamp() != m_configStamp || (m_config && keyStamp(*m_config) != m_keyStamp)
        || m_spam.needsReload()) {
        return true;
    }
    if (!m_config || !m_config->admin.clamav) {
        return false;
    }
    // An updater replaces several files: wait until two looks agree.
    const auto stamp = antivirus::DatabaseStamp::of(m_loader.paths().virusDatabase());
    const bool isSettled = stamp == m_seenStamp;
    m_seenStamp = stamp;
    return isSettled && !(stamp == m_databaseStamp);
}

bool EngineRoom::learns() const
{
    return m_config
           && (m_config->spam.useBayes || m_config->spam.useAwl || m_config->spam.useTxRep);
}

bool EngineRoom::asksFingerprints() const
{
    return m_config && m_config->spam.rblChecks
           && spam::areFingerprintProgramsInstalled(m_config->spam.useRazor);
}

void EngineRoom::sweepScratch() const
{
    if (m_clam != nullptr) {
        antivirus::ClamEngine::sweepScratch(m_clam->settings());
    }
}

antivirus::ClamSettings EngineRoom::clamSettings(const config::Config &config) const
{
    antivirus::ClamSettings settings;
    settings.blockEncryptedArchives = config.clamav.archiveBlockEncrypted;
    settings.maxFiles = static_cast<quint32>(config.clamav.archiveMaxFiles);
    settings.maxRecursion = static_cast<quint32>(config.clamav.archiveMaxRecursion);
    settings.maxFileSize = config.clamav.archiveMaxSize;
    settings.maxScanSize = config.clamav.maxScanSize;
    settings.maxCardCount = static_cast<quint32>(config.clamav.maxCcCount);
    settings.scanTime = config.admin.scannerTimeout;
    return settings;
}

Status EngineRoom::loadSignatures(const config::Config &config)
{
    const antivirus::ClamSettings settings = clamSettings(config);
    const QByteArray key = QByteArray::number(settings.blockEncryptedArchives) + ' '
                           + QByteArray::number(settings.maxFiles) + ' '
                           + QByteArray::number(settings.maxRecursion) + ' '
                           + QByteArray::number(settings.maxFileSize) + ' '
                           + QByteArray::number(settings.maxScanSize) + ' '
                           + QByteArray::number(settings.maxCardCount) + ' '
                           + QByteArray::number(qint64(settings.scanTime.count()));
    const auto stamp = antivirus::DatabaseStamp::of(m_loader.paths().virusDatabase());
    const bool isLoaded = m_clam != nullptr && stamp == m_databaseStamp && key == m_clamConfig;
    if (!config.admin.clamav || isLoaded) {
        return ok();
    }
    m_databaseStamp = stamp;
    m_seenStamp = stamp;
    // Half of what we have: a database cut short by a broken update is well-formed, but no update.
    const quint32 least = m_clam == nullptr ? 1 : std::max(1U, m_clam->signatureCount() / 2);
    auto engine = antivirus::ClamEngine::load(m_loader.paths().virusDatabase(), settings, least);
    if (!engine) {
        return engine.error();
    }
    m_clam = *std::move(engine);
    m_clamConfig = key;
    log::write(log::Severity::Info, "clamav.loaded", {},
               {{"version", m_clam->version().toUtf8()},
                {"signatures", QByteArray::number(m_clam->signatureCount())}});
    return ok();
}

filter::FilterSettings EngineRoom::filterSettings() const
{
    filter::FilterSettings settings;
    settings.hostName = fromUtf8(m_config->hostName);
    settings.domain = fromUtf8(m_config->domain);
    settings.fqdn = fromUtf8(m_config->fqdn);
    settings.version = QStringLiteral("Portcullis " PORTCULLIS_VERSION);
    if (const auto administrator = mail::Address::parse(m_config->admin.email)) {
        settings.administrator = *administrator;
    }
    setMailFrom(settings, *m_config);
    settings.hidesReceived = m_config->mail.hideReceived;
    settings.heuristicScore = m_config->spam.clamavHeuristicScore;
    settings.encryptedIsHeuristic = m_config->clamav.archiveBlockEncrypted;
    settings.maxSpamSize = m_config->spam.maxSpamSize;
    settings.mimeLimits.parts = std::max(1, m_config->clamav.archiveMaxFiles);
    settings.scratchFolder = scratchFolder();
    return settings;
}

filter::Engines EngineRoom::makeEngines() const
{
    filter::Engines engines;
    if (m_config->admin.customCheck) {
        antivirus::CustomCheckSettings settings;
        settings.program = m_config->admin.customCheckPath;
        settings.scratchFolder = scratchFolder();
        settings.limits.deadline = m_config->admin.customCheckTimeout;
        engines.customCheck = std::make_unique<antivirus::CustomCheck>(settings);
    }
    if (m_config->admin.avast) {
        antivirus::AvastSettings settings;
        settings.program = m_config->admin.avastPath;
        settings.scratchFolder = scratchFolder();
        settings.limits.deadline = m_config->admin.scannerTimeout;
        engines.scanners.push_back(std::make_shared<antivirus::AvastScanner>(settings));
    }
    if (m_config->admin.clamav) {
        engines.scanners.push_back(m_clam);
    }
    archive::InspectorSettings inspector;
    inspector.limits = archiveLimits(m_config->clamav);
    engines.archiveInspector = std::make_unique<archive::ArchiveInspector>(inspector);
    engines.spam = m_spam.makeEngine();
    engines.senderCheck = makeSenderCheck();
    engines.signer = m_signer;
    return engines;
}

void EngineRoom::loadAuthenticator()
{
    if (!m_suffixes) {
        auto suffixes = authentication::PublicSuffixes::read(
            authentication::PublicSuffixes::systemFile());
        if (!suffixes) {
            log::write(log::Severity::Warning, "filter.public-suffixes", {},
                       {{"reason", suffixes.error().detail.toUtf8()},
                        {"consequence", "DMARC aligns equal domains only"}});
        }
        m_suffixes = std::make_shared<const authentication::PublicSuffixes>(
            suffixes ? *std::move(suffixes) : authentication::PublicSuffixes());
    }
    authentication::AuthenticatorSettings settings;
    settings.trustedSealers = m_config->mail.arcTrustedSealers;
    m_authenticator = std::make_shared<const authentication::Authenticator>(settings, m_suffixes);
}

QString EngineRoom::keyFile(const config::Config &config) const
{
    return config::dkimKeyFile(m_loader.paths(), config.admin.dkimSelector);
}

QByteArray EngineRoom::keyStamp(const config::Config &config) const
{
    return config.admin.dkimSign ? config::fileStamp(keyFile(config)) : QByteArray();
}

/// A key that is missing or broken is an alarm, no reason to stop: mail leaves unsigned meanwhile.
void EngineRoom::loadSigningKey()
{
    m_keyStamp = keyStamp(*m_config);
    m_signer.reset();
    const config::AdminSettings &admin = m_config->admin;
    if (!admin.dkimSign) {
        return;
    }
    auto key = readSigningKey(keyFile(*m_config), admin.dkimSelector);
    if (!key) {
        log::write(log::Severity::Error, "filter.dkim-key", {},
                   {{"id", key.error().id},
                    {"reason", key.error().detail.toUtf8()},
                    {"consequence", "outgoing mail leaves unsigned"}});
    }
    filter::SigningSettings settings;
    settings.signsAllMail = admin.dkimSignAllMail;
    settings.useDomain = admin.dkimUseDomain == "header"
                             ? filter::SigningSettings::UseDomain::Header
                             : filter::SigningSettings::UseDomain::Envelope;
    settings.selector = admin.dkimSelector;
    const auto &listed = m_config->dkimDomains.empty() ? m_config->relayDomains
                                                       : m_config->dkimDomains;
    for (const auto &[domain, entry] : listed) {
        settings.domains.push_back(domain);
    }
    m_signer = std::make_shared<const filter::OutgoingSigner>(std::move(settings), std::move(key));
}

std::unique_ptr<filter::SenderCheck> EngineRoom::makeSenderCheck() const
{
    using Settings = filter::SenderCheckSettings;
    Settings settings;
    settings.authservId = m_config->fqdn;
    settings.dmarc = m_config->mail.dmarc == config::Dmarc::Off       ? Settings::Dmarc::Off
                     : m_config->mail.dmarc == config::Dmarc::Enforce ? Settings::Dmarc::Enforce
                                                                      : Settings::Dmarc::Mark;
    settings.isTrusted = [config = m_config](const QHostAddress &client) {
        return config->isTrusted(client);
    };
    return std::make_unique<filter::SenderCheck>(std::move(settings), m_authenticator,
                                                 m_loader.paths().resolverSocket());
}

std::unique_ptr<filter::Pipeline> EngineRoom::makePipeline() const
{
    return std::make_unique<filter::Pipeline>(filterSettings(), makeEngines(),
                                              m_loader.paths().rulesCache());
}

}  // namespace portcullis
