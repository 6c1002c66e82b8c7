// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/config/PmgConfReader.h"

namespace portcullis::config {

namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::seconds;

/// The values of one section, with the conversions that the structs need.
class Section
{
public:
    Section(const PmgConfValues &values, const char *name)
        : m_values(values)
        , m_name(name)
    {
    }

    [[nodiscard]] bool flag(const char *key) const { return m_values.flag(m_name, key); }
    [[nodiscard]] qint64 number(const char *key) const { return m_values.number(m_name, key); }
    [[nodiscard]] int count(const char *key) const { return static_cast<int>(number(key)); }
    [[nodiscard]] quint16 port(const char *key) const { return static_cast<quint16>(number(key)); }
    [[nodiscard]] QByteArray text(const char *key) const { return m_values.text(m_name, key); }
    [[nodiscard]] QString path(const char *key) const { return QString::fromUtf8(text(key)); }
    [[nodiscard]] seconds inSeconds(const char *key) const { return seconds(number(key)); }
    [[nodiscard]] hours inHours(const char *key) const { return hours(number(key)); }
    [[nodiscard]] days inDays(const char *key) const { return days(number(key)); }
    [[nodiscard]] int countOr(const char *key, int computed) const
    {
        return m_values.isSet(m_name, key) ? count(key) : computed;
    }
    [[nodiscard]] std::vector<QByteArray> list(const char *key) const
    {
        return m_values.list(m_name, key);
    }

private:
    const PmgConfValues &m_values;
    const char *m_name;
};

void fillListening(const Section &section, const Machine &machine, MailSettings &mail)
{
    mail.extPort = section.port("ext_port");
    mail.intPort = section.port("int_port");
    mail.banner = section.text("banner");
    mail.maxSize = section.number("maxsize");
    mail.maxSmtpdIn = section.countOr("max_smtpd_in", defaultMaxSmtpd(machine.memoryMegabytes));
    mail.maxSmtpdOut = section.countOr("max_smtpd_out", defaultMaxSmtpd(machine.memoryMegabytes));
    mail.maxFilters = section.countOr("max_filters", defaultMaxFilters(machine.memoryMegabytes));
    mail.maxPolicy = section.countOr("max_policy", defaultMaxPolicy(machine.memoryMegabytes));
    mail.connCountLimit = section.count("conn_count_limit");
    mail.connRateLimit = section.count("conn_rate_limit");
    mail.messageRateLimit = section.count("message_rate_limit");
    mail.recipientRateLimit = section.count("recipient_rate_limit");
    mail.clientLimitMask4 = section.count("client_limit_mask4");
    mail.clientLimitMask6 = section.count("client_limit_mask6");
    mail.greetWait = section.inSeconds("greet_wait");
    mail.smtpUtf8 = section.flag("smtputf8");
    mail.bareNewline = section.text("bare_newline") == "replace" ? BareNewline::Replace
                                                                 : BareNewline::Reject;
    for (const QByteArray &text : section.list("xclient_hosts")) {
        if (auto network = Network::parse(text)) {
            mail.xclientHosts.push_back(network.take());
        }
    }
    mail.recipientLimit = section.count("recipient_limit");
    mail.errorLimit = section.count("error_limit");
    mail.hopcountLimit = section.count("hopcount_limit");
    mail.commandTimeout = section.inSeconds("command_timeout");
    mail.dataTimeout = section.inSeconds("data_timeout");
    mail.sessionTimeout = section.inSeconds("session_timeout");
    mail.handshakeTimeout = section.inSeconds("handshake_timeout");
    mail.minDataRate = section.number("min_data_rate");
    mail.threads = section.count("smtpd_threads");
}

Dmarc dmarcOf(const QByteArray &text)
{
    if (text == "off") {
        return Dmarc::Off;
    }
    return text == "enforce" ? Dmarc::Enforce : Dmarc::Mark;
}

void fillChecks(const Section &section, MailSettings &mail)
{
    mail.contentFilter = section.flag("content_filter");
    mail.beforeQueueFiltering = section.flag("before_queue_filtering");
    mail.filterTimeout = section.inSeconds("filter-timeout");
    mail.beforeQueueTimeout = section.inSeconds("before_queue_timeout");
    mail.acceptBrokenMime = section.flag("accept-broken-mime");
    mail.ndrOnBlock = section.flag("ndr_on_block");
    mail.hideReceived = section.flag("hide_received");
    mail.logHeaders = section.flag("log-headers");
    mail.greylist = section.flag("greylist");
    mail.greylist6 = section.flag("greylist6");
    mail.greylistDelay = section.inSeconds("greylist_delay");
    mail.greylistMask4 = section.count("greylistmask4");
    mail.greylistMask6 = section.count("greylistmask6");
    mail.heloTests = section.flag("helotests");
    mail.rejectUnknown = section.flag("rejectunknown");
    mail.rejectUnknownSender = section.flag("rejectunknownsender");
    mail.spf = section.flag("spf");
    mail.spfTimeout = section.inSeconds("spf_timeout");
    mail.dmarc = dmarcOf(section.text("dmarc"));
    for (const QByteArray &domain : section.list("arc_trusted_sealers")) {
        mail.arcTrustedSealers.push_back(domain.toLower());
    }
    mail.useRbl = section.flag("use_rbl");
    mail.dnsblSites = section.text("dnsbl_sites");
    mail.dnsblThreshold = section.count("dnsbl_threshold");
    mail.verifyReceivers = section.text("verifyreceivers").toInt();
    mail.receiverPositiveLifetime = section.inDays("receiver_positive_lifetime");
    mail.receiverNegativeLifetime = section.inHours("receiver_negative_lifetime");
    mail.tls = section.flag("tls");
    mail.tlsLog = section.flag("tlslog");
    mail.tlsHeader = section.flag("tlsheader");
    mail.tlsCaFile = section.path("tls_ca_file");
    mail.tlsDane = section.flag("tls_dane");
    mail.mtaSts = section.flag("mta_sts");
}

void fillPostfix(const Section &section, MailSettings &mail)
{
    mail.behindPostfix = section.flag("behind_postfix");
    mail.filterPortIn = section.port("filter_port_in");
    mail.filterPortOut = section.port("filter_port_out");
    mail.reinjectPort = section.port("reinject_port");
    mail.policyPort = section.port("policy_port");
}

void fillDelivery(const Section &section, MailSettings &mail)
{
    if (const QByteArray host = section.text("relay"); !host.isEmpty()) {
        const auto protocol = section.text("relayprotocol") == "lmtp" ? Protocol::Lmtp
                                                                      : Protocol::Smtp;
        mail.relay = nextHopOf(host, section.port("relayport"), protocol,
                               !section.flag("relaynomx"));
    }
    if (const QByteArray host = section.text("smarthost"); !host.isEmpty()) {
        // A smart host is a machine, not a domain: its MX records are not asked for.
        mail.smarthost = nextHopOf(host, section.port("smarthostport"), Protocol::Smtp, false);
    }
    mail.delayWarning = section.inHours("dwarning");
    mail.queueLifetime = section.inDays("queue-lifetime");
    mail.bounceLifetime = section.inDays("bounce_lifetime");
    mail.minimalBackoff = section.inSeconds("minimal_backoff");
    mail.maximalBackoff = std::max(section.inSeconds("maximal_backoff"), mail.minimalBackoff);
    mail.destinationConcurrency = section.count("destination_concurrency");
    mail.deliveryConcurrency = section.count("delivery_concurrency");
    mail.messagesPerConnection = section.count("messages_per_connection");
    mail.connectTimeout = section.inSeconds("connect_timeout");
    mail.deliveryTimeout = section.inSeconds("delivery_timeout");
    mail.idleTimeout = section.inSeconds("idle_timeout");
    mail.minFreeSpace = section.number("min_free_space");
    for (const QByteArray &server : section.list("dns_servers")) {
        mail.dnsServers.push_back(QString::fromLatin1(server));
    }
    mail.dnsTimeout = section.inSeconds("dns_timeout");
    mail.dnsTrustAnchor = section.path("dns_trust_anchor");
}

AdminSettings adminSettings(const Section &section)
{
    AdminSettings admin;
    admin.email = section.text("email");
    admin.mailFrom = section.text("admin-mail-from");
    admin.advFilter = section.flag("advfilter");
    admin.avast = section.flag("avast");
    admin.avastPath = section.path("avast_path");
    admin.clamav = section.flag("clamav");
    admin.customCheck = section.flag("custom_check");
    admin.customCheckPath = section.path("custom_check_path");
    admin.scannerTimeout = section.inSeconds("scanner_timeout");
    admin.customCheckTimeout = section.inSeconds("custom_check_timeout");
    admin.dailyReport = section.flag("dailyreport");
    admin.demo = section.flag("demo");
    admin.dkimSign = section.flag("dkim_sign");
    admin.dkimSignAllMail = section.flag("dkim_sign_all_mail");
    admin.dkimSelector = section.text("dkim_selector");
    admin.dkimUseDomain = section.text("dkim-use-domain");
    admin.httpProxy = section.text("http_proxy");
    admin.consentText = section.text("consent-text");
    admin.statLifetime = section.inDays("statlifetime");
    admin.databaseDsn = section.text("database_dsn");
    return admin;
}

SpamSettings spamSettings(const Section &section)
{
    SpamSettings spam;
    spam.bounceScore = section.count("bounce_score");
    spam.clamavHeuristicScore = section.count("clamav_heuristic_score");
    spam.extractText = section.flag("extract_text");
    spam.languages = section.text("languages");
    spam.maxSpamSize = section.number("maxspamsize");
    spam.rblChecks = section.flag("rbl_checks");
    spam.useAwl = section.flag("use_awl");
    spam.useBayes = section.flag("use_bayes");
    spam.useRazor = section.flag("use_razor");
    spam.useTxRep = section.flag("use_txrep");
    spam.rulesFolder = section.path("rules_folder");
    spam.learnsFromQuarantine = section.flag("learn_from_quarantine");
    spam.welcomeBounceRelays = section.text("wl_bounce_relays");
    return spam;
}

QuarantineSettings quarantineSettings(const Section &section)
{
    QuarantineSettings quarantine;
    quarantine.lifetime = section.inDays("lifetime");
    quarantine.allowHrefs = section.flag("allowhrefs");
    quarantine.viewImages = section.text("viewimages");
    return quarantine;
}

QuarantineSettings spamQuarantineSettings(const Section &section)
{
    QuarantineSettings quarantine = quarantineSettings(section);
    quarantine.authMode = section.text("authmode");
    quarantine.hostName = section.text("hostname");
    quarantine.mailFrom = section.text("mailfrom");
    quarantine.port = section.port("port");
    quarantine.protocol = section.text("protocol");
    quarantine.quarantineLink = section.flag("quarantinelink");
    quarantine.reportStyle = section.text("reportstyle");
    return quarantine;
}

ClamavSettings clamavSettings(const Section &section)
{
    ClamavSettings clamav;
    clamav.archiveBlockEncrypted = section.flag("archiveblockencrypted");
    clamav.archiveMaxFiles = section.count("archivemaxfiles");
    clamav.archiveMaxRecursion = section.count("archivemaxrec");
    clamav.archiveMaxSize = section.number("archivemaxsize");
    clamav.archiveMaxRatio = section.count("archive_max_ratio");
    clamav.archiveTimeout = section.inSeconds("archive_timeout");
    clamav.maxScanSize = section.number("maxscansize");
    clamav.maxCcCount = section.count("maxcccount");
    clamav.dbMirror = section.text("dbmirror");
    clamav.scriptedUpdates = section.flag("scriptedupdates");
    return clamav;
}

Error unknown(const char *id, const QString &what)
{
    return Error::permanent(id, what);
}

}  // namespace

PmgConfValues PmgConfValues::read(const schema::SectionFile &file,
                                  const QString &fileName,
                                  FaultList &faults,
                                  std::vector<QString> &warnings)
{
    PmgConfValues values;
    for (const schema::SectionSpec &section : schema::pmgConfSections()) {
        for (const schema::KeySpec &key : section.keys) {
            if (auto value = schema::defaultOf(key)) {
                values.m_values.insert({{section.name, key.name}, *std::move(value)});
            }
        }
    }
    for (const auto &setting : file.settings()) {
        const auto *section = setting.type == "section" ? schema::findSection(setting.section)
                                                        : nullptr;
        if (setting.key.isEmpty() && section == nullptr) {
            faults.add(fileName, setting.line, QString::fromLatin1(setting.section),
                       unknown("config.unknown-section", QStringLiteral("unknown section")));
        }
        if (setting.key.isEmpty() || section == nullptr) {
            continue;
        }
        const QString where = QString::fromLatin1(setting.section + '/' + setting.key);
        const schema::KeySpec *spec = section->find(setting.key);
        if (spec == nullptr) {
            faults.add(fileName, setting.line, where,
                       unknown("config.unknown-key", QStringLiteral("unknown key")));
            continue;
        }
        auto value = schema::parseValue(*spec, setting.value);
        if (!value) {
            faults.add(fileName, setting.line, where, value.error());
            continue;
        }
        if (spec->origin == schema::Origin::Retired) {
            warnings.push_back(QStringLiteral("%1:%2: %3: %4")
                                   .arg(fileName)
                                   .arg(setting.line)
                                   .arg(where, QString::fromUtf8(spec->description)));
        }
        values.m_values.insert_or_assign({setting.section, setting.key}, value.take());
    }
    return values;
}

const schema::Value *PmgConfValues::find(const char *section, const char *key) const
{
    Q_ASSERT_X(schema::findSection(section)->find(key) != nullptr, key, "not in the schema");
    const auto found = m_values.find({section, key});
    return found == m_values.end() ? nullptr : &found->second;
}

bool PmgConfValues::flag(const char *section, const char *key) const
{
    const schema::Value *value = find(section, key);
    return value != nullptr && std::get<bool>(*value);
}

qint64 PmgConfValues::number(const char *section, const char *key) const
{
    const schema::Value *value = find(section, key);
    return value == nullptr ? 0 : std::get<qint64>(*value);
}

QByteArray PmgConfValues::text(const char *section, const char *key) const
{
    const schema::Value *value = find(section, key);
    return value == nullptr ? QByteArray() : std::get<QByteArray>(*value);
}

bool PmgConfValues::isSet(const char *section, const char *key) const
{
    return find(section, key) != nullptr;
}

std::vector<QByteArray> PmgConfValues::list(const char *section, const char *key) const
{
    std::vector<QByteArray> words;
    for (const QByteArray &word : text(section, key).replace(',', ' ').simplified().split(' ')) {
        if (!word.isEmpty()) {
            words.push_back(word);
        }
    }
    return words;
}

void fillSections(const PmgConfValues &values, const Machine &machine, Config &config)
{
    const Section mail(values, "mail");
    fillListening(mail, machine, config.mail);
    fillChecks(mail, config.mail);
    fillDelivery(mail, config.mail);
    fillPostfix(mail, config.mail);
    config.admin = adminSettings(Section(values, "admin"));
    config.spam = spamSettings(Section(values, "spam"));
    config.spamQuarantine = spamQuarantineSettings(Section(values, "spamquar"));
    config.virusQuarantine = quarantineSettings(Section(values, "virusquar"));
    config.clamav = clamavSettings(Section(values, "clamav"));
}

}  // namespace portcullis::config
